#!/usr/bin/env python3
"""The development set as a measure of the builtin engine: sentence in, intent or refusal out.

    devset.py asks  [--held-out]            the sentences, one JSON string a line
    devset.py score [--held-out] < ANSWERS  how many answers are right; ANSWERS has one JSON object a line:
                                            {"ask": ..., "intent": {...}} or {"ask": ..., "refused": "why"}
    devset.py lint  [EVENTS-DIR]            is the set itself well-formed, and does it fit the event cards?

`score` ends with 1 when there is a wrong answer, an unanswered sentence, or less than the target answered right. What
the keys of an intent mean, and what counts as the same intent, is in README.md.
"""
import argparse
import errno
import functools
import glob
import json
import os
import re
import signal
import sys

try:
    import yaml
except ImportError:
    print("skip: needs python3-yaml")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
# Of the answerable sentences this share is to be answered rightly, and so many answers may be wrong. The held-out sentences measure how
# well the engine does on words that it was not built for; their bounds only keep it from getting worse.
TARGET, MAY_BE_WRONG = 0.85, 0
HELD_OUT_FLOOR, HELD_OUT_MAY_BE_WRONG = 0.62, 2
MEASURES = "print count sum avg min max hist lhist stats rate".split()
VALUED = "sum avg min max hist lhist stats".split()
OPS = "== != < <= > >= starts in".split()
STANDARD = {"cpu", "time"}  # what is known of each event
OF_TASK = set("comm pid tid uid gid cgroup kstack ustack parent ppid".split())  # where the current task is the event's
KEYS = "event measure value by show filter top every for linear".split()
NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def load(held_out):
    cases = []
    for path in sorted(glob.glob(os.path.join(HERE, "heldout-*.yaml" if held_out else "dev-*.yaml"))):
        with open(path, encoding="utf-8") as f:
            for case in yaml.safe_load(f):
                cases.append(dict(case, file=os.path.basename(path)))
    return cases


def span_ns(text):
    """"10s" -> 10000000000; None where it is no span."""
    m = re.fullmatch(r"(\d+)(ns|us|ms|s|m|h)", str(text))
    return int(m[1]) * NS[m[2]] if m else None


def value_of(field, value):
    """One form for the ways in which the same value can be written."""
    if field == "error" and isinstance(value, str):
        return getattr(errno, value, value)
    if field == "signal" and isinstance(value, str):
        return getattr(signal, value if value.startswith("SIG") else "SIG" + value, value)
    if field == "family":
        return {2: "ipv4", 10: "ipv6", "AF_INET": "ipv4", "AF_INET6": "ipv6"}.get(value, value)
    return str(value).lower() if isinstance(value, (bool, str)) else value


@functools.lru_cache(maxsize=None)
def single_syscalls():
    """Cards that are exactly one system call: {"syscall:madvise": "madvise"}. Naming either is naming the same event."""
    single = {}
    for file in sorted(glob.glob(os.path.join(HERE, "..", "..", "data", "events", "*.yaml"))):
        with open(file, encoding="utf-8") as f:
            for card in filter(None, yaml.safe_load_all(f)):
                ways = card.get("ways") or []
                names = ways[0].get("syscalls") if len(ways) == 1 else None
                names = [names] if isinstance(names, str) else names
                if names and len(names) == 1:
                    single["syscall:" + str(names[0]).rstrip("?")] = card["name"]
    return single


def normal(intent):
    """The parts of an intent that must be equal, without regard to order and spelling."""
    filters = set()
    for field, op, value in intent.get("filter", []):
        value = value_of(field, value)
        if field == "error" and op == ">" and value == 0:
            op = "!="
        filters.add((field, op, str(value)))
    event = intent["event"]
    return {
        "event": frozenset(single_syscalls().get(e, e) for e in (event if isinstance(event, list) else [event])),
        "measure": intent["measure"],
        "value": intent.get("value"),
        "by": frozenset(intent.get("by", [])),
        "filter": frozenset(filters),
        "top": intent.get("top", 0),
        "every": span_ns(intent.get("every", "0s")),
        "for": span_ns(intent.get("for", "0s")),
        "linear": tuple(intent.get("linear", ())),
    }


@functools.lru_cache(maxsize=None)
def shown_by_itself(events):
    """What a line shows of these events when the sentence names no fields: what their cards say."""
    shown = set()
    for file in sorted(glob.glob(os.path.join(HERE, "..", "..", "data", "events", "*.yaml"))):
        with open(file, encoding="utf-8") as f:
            for card in filter(None, yaml.safe_load_all(f)):
                if card["name"] in events:
                    shown |= {field["name"] for field in card.get("fields") or [] if field.get("shown")}
    return shown


def same(want, got):
    """Does [got] say what [want] says? See README.md for what may differ."""
    a, b = normal(want), normal(got)
    if b["measure"] == "rate" and a["measure"] in ("count", "sum") and a["every"]:
        b["measure"] = a["measure"]
    if a["measure"] == "print" and b["measure"] == "print":
        # a line for each event has no groups: "by process" means that the process is shown
        shown = set(got.get("show", shown_by_itself(b["event"]))) | b["by"] | {"time", "comm", "pid"}
        if not set(want.get("show", [])) <= shown:
            return False
        a["by"] = b["by"] = frozenset()
    return a == b


def accepted(case):
    return ([case["intent"]] if "intent" in case else []) + case.get("accept", [])


def judge(case, answer):
    if "intent" not in answer:
        return "refused rightly" if case.get("refuse") else "refused"
    try:
        return "right" if any(same(want, answer["intent"]) for want in accepted(case)) else "wrong"
    except (KeyError, TypeError, ValueError):
        return "wrong"


def score(held_out, lines):
    answers = {}
    for line in lines:
        if line.strip():
            answer = json.loads(line)
            answers[answer["ask"]] = answer
    cases = load(held_out)
    tally = {}
    for case in cases:
        answer = answers.get(case["ask"])
        verdict = judge(case, answer) if answer else "no answer"
        tally[verdict] = tally.get(verdict, 0) + 1
        if verdict in ("wrong", "refused", "no answer"):
            print(f"{verdict}: {json.dumps(case['ask'], ensure_ascii=False)}  ({case['file']})")
            print(f"    wanted   {json.dumps(case['intent']) if 'intent' in case else 'a refusal: ' + case['why']}")
            if answer:
                print(f"    answered {json.dumps(answer.get('intent', answer.get('refused')), ensure_ascii=False)}")
    answerable = sum(1 for case in cases if "intent" in case)
    right = sum(1 for case in cases if "intent" in case and case["ask"] in answers
                and judge(case, answers[case["ask"]]) == "right")
    print("; ".join(f"{n} {what}" for what, n in sorted(tally.items())))
    least, may_be_wrong = (HELD_OUT_FLOOR, HELD_OUT_MAY_BE_WRONG) if held_out else (TARGET, MAY_BE_WRONG)
    print(f"{right} of {answerable} answerable sentences right ({100 * right / answerable:.1f}%, "
          f"at least {100 * least:.0f}% wanted), {tally.get('wrong', 0)} wrong (at most {may_be_wrong} wanted)")
    return bool(tally.get("wrong", 0) > may_be_wrong or tally.get("no answer") or right < least * answerable)


def lint_intent(intent, cards, complain):
    for key in set(intent) - set(KEYS):
        complain(f"unknown key {key}")
    if intent.get("measure") not in MEASURES:
        complain(f"unknown measure {intent.get('measure')}")
    if intent.get("measure") in VALUED and not intent.get("value"):
        complain("this measure needs a value")
    if intent.get("measure") in ("print", "count") and intent.get("value"):
        complain("this measure has no value")
    if (intent.get("measure") == "lhist") != ("linear" in intent):
        complain("lhist and linear belong together")
    if intent.get("measure") == "rate" and not intent.get("every"):
        complain("a rate needs every")
    for key in ("every", "for"):
        if key in intent and not span_ns(intent[key]):
            complain(f"{key} is no span of time")
    fields = [intent["value"]] if intent.get("value") else []
    fields += intent.get("by", []) + intent.get("show", [])
    for part in intent.get("filter", []):
        if len(part) != 3 or part[1] not in OPS:
            complain(f"not a filter: {part}")
        else:
            fields.append(part[0])
    event = intent.get("event")
    for name in event if isinstance(event, list) else [event]:
        if re.fullmatch(r"syscall:\w+|tracepoint:\w+:\w+|function:\w+", name or ""):
            continue  # fields are the kernel's own
        if not cards:
            continue
        if name not in cards:
            complain(f"no card {name}")
            continue
        for field in fields:
            if field not in cards[name]:
                complain(f"card {name} has no field {field} (it has {' '.join(sorted(cards[name]))})")


def fields_of(card):
    """Everything that can be asked of one event of the card."""
    fields = STANDARD | {field["name"] for field in card.get("fields") or []}
    ways = card.get("ways") or []
    if card.get("context") == "task":
        fields |= OF_TASK
    if "duration" in card or any("begin" in way or "syscalls" in way for way in ways):
        fields.add("duration")
    if any("syscalls" in way for way in ways):
        fields.add("error")
    if fields & {"saddr", "daddr"}:
        fields.add("family")
    return fields


def read_cards(path):
    cards = {}
    for file in sorted(glob.glob(os.path.join(path, "*.yaml"))):
        with open(file, encoding="utf-8") as f:
            cards.update((card["name"], fields_of(card)) for card in yaml.safe_load_all(f) if card)
    return cards


def lint(events):
    cards = read_cards(events) if events else {}
    faults, seen = [], {}
    sizes = {}
    for held_out in (False, True):
        for case in load(held_out):
            complain = lambda what, case=case: faults.append(f"{case['file']}: {case.get('ask')!r}: {what}")
            for key in set(case) - {"ask", "intent", "refuse", "why", "accept", "file"}:
                complain(f"unknown key {key}")
            if ("intent" in case) == bool(case.get("refuse")):
                complain("either an intent or a refusal")
            if case.get("refuse") and not case.get("why"):
                complain("a refusal says why")
            plain = re.sub(r"\W+", " ", case["ask"].lower()).strip() or case["ask"]
            if plain in seen:
                complain(f"is in {seen[plain]}, too")
            seen[plain] = case["file"]
            for intent in accepted(case):
                lint_intent(intent, cards, complain)
            kind = ("held out" if held_out else "dev", "refuse" if case.get("refuse") else "answer")
            sizes[kind] = sizes.get(kind, 0) + 1
    for fault in faults:
        print(fault)
    print(", ".join(f"{part} {kind} {n}" for (part, kind), n in sorted(sizes.items())))
    print(f"{len(seen)} sentences, {len(faults)} faults" + ("" if cards else " (no event cards to hold them against)"))
    return bool(faults)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["asks", "score", "lint"])
    parser.add_argument("events", nargs="?", help="lint: the directory of event cards")
    parser.add_argument("--held-out", action="store_true", help="the held-out third")
    args = parser.parse_args()
    if args.what == "asks":
        for case in load(args.held_out):
            print(json.dumps(case["ask"]))
        return 0
    if args.what == "score":
        return score(args.held_out, sys.stdin)
    return lint(args.events)


if __name__ == "__main__":
    sys.exit(main())
