#!/usr/bin/env python3
"""Hold kgent diff against tests/golden/diff/cases.txt, each case in both directions. TAP on standard output."""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KGENT = os.environ["KGENT"]
TIME_LIMIT_S = 90 * float(os.environ.get("TEST_TIME_FACTOR", "1"))
EXIT = {"same": 0, "different": 4, "unknown": 4}


def read_cases():
    text = open(os.path.join(ROOT, "golden", "diff", "cases.txt")).read()
    for part in text.split("\n== ")[1:]:
        name, word, rest = part.split("\n", 2)
        first, second = rest.split("\n--\n")
        lines = second.rstrip().split("\n")
        facts = [line.split(": ", 1) for line in lines if line.split(": ", 1)[0] in ("first", "second", "why", "first way", "second way")]
        yield name, word, first, "\n".join(line for line in lines if line.split(": ", 1) not in facts), facts


def diff(first, second):
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, text in (("a.bt", first), ("b.bt", second)):
            files.append(os.path.join(folder, name))
            open(files[-1], "w").write(text)
        return subprocess.run([KGENT, "diff", "--json"] + files, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIME_LIMIT_S)


def ways(ce, name):
    """The decisions on the way of one of the two: "line 1: args->ret > 0 is false"."""
    return ["line %d: %s is %s" % (step["line"], step.get("since") or step["condition"], "true" if step.get("since_holds", step["holds"]) else "false")
            for event in ce["events"] for step in event.get(name, [])]


def judge(word, facts, run, is_turned):
    """What is wrong with an answer, or nothing."""
    if not run.stdout:
        return "no answer: " + run.stderr
    answer = json.loads(run.stdout)
    if answer["result"] != word or run.returncode != EXIT[word] or answer["exit"] != run.returncode:
        return "it is %s (exit %d): %s" % (answer["result"], run.returncode, answer.get("why"))
    ce = answer.get("counterexample")
    if (word == "different") != bool(ce) or (ce and not ce["replayed"]) or (ce and ce["first"] == ce["second"]):
        return "the counterexample is %s" % ce
    for kind, text in [] if is_turned else facts:
        if kind.endswith(" way"):
            if text not in ways(ce, "path" if kind == "first way" else "other_path"):
                return "%s is not %s: %s" % (kind, text, ce["events"])
            continue
        if text not in (answer["why"] if kind == "why" else ce[kind]):
            return "%s is not %s but %s" % (kind, text, answer["why"] if kind == "why" else ce[kind])
    return None


def main():
    cases = list(read_cases())
    print("1..%d" % (2 * len(cases)))
    failed, n = 0, 0
    for name, word, first, second, facts in cases:
        for is_turned in (False, True):
            n += 1
            run = diff(second, first) if is_turned else diff(first, second)
            if run.returncode == 6:
                print("ok %d - %s # SKIP %s" % (n, name, run.stderr.strip().replace("\n", " ")))
                continue
            wrong = judge(word, facts, run, is_turned)
            failed += wrong is not None
            print("%sok %d - %s%s" % ("not " if wrong else "", n, name, ", the other way round" if is_turned else ""))
            if wrong:
                print("# " + wrong.replace("\n", "\n# "))
            sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
