#!/usr/bin/env python3
"""Sentences and their contracts.

    asked.py BUILD [--all] [NAME...]

1. Programs that were written for a sentence, right and wrong ones (tests/golden/asked), held against the sentence's contract: `kgent check --prompt`.
2. Sentences of the development set, and requests of the event cards: the builtin engine's program for each must fulfil the contract of the same request. None may
   be refuted, and of a great part of them it must be proved. Without --all: of every eighth.

Ends with "N passed, N failed, N skipped".
"""
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
PROGRAMS = os.path.join(ROOT, "tests", "golden", "asked")
PROVED_SHARE = 0.95  # of the sentences that there is a program and a contract for
SOME = 8


def header(path):
    keys = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            if not line.startswith("// "):
                break
            key, _, value = line[3:].strip().partition(": ")
            keys.setdefault(key, []).append(value)
    return keys


def check_program(build, name):
    """(passed, why)"""
    path = os.path.join(PROGRAMS, name + ".bt")
    keys = header(path)
    run = subprocess.run([os.path.join(build, "kgent"), "check", path, "--prompt", keys["prompt"][0], "--no-load", "--json"],
                         capture_output=True, text=True, timeout=300)
    if "Sanitizer" in run.stderr or "runtime error:" in run.stderr:
        return False, run.stderr[-2000:]
    result = json.loads(run.stdout.splitlines()[-1]) if run.stdout.strip() else {"checks": [], "problem": run.stderr}
    proof, want = result.get("proof"), keys["verdict"][0]
    row = next((c for c in result["checks"] if c["name"] == "proof"), None)
    if not row:
        return False, "no proof: %s" % result.get("problem")
    if want == "not judged":
        return row["result"] == "not checked" and not proof, row["detail"]
    if not proof or proof["result"] != want:
        return False, row["detail"]
    refuted = ["%s: %s" % (o["kind"], o["what"]) for o in proof["obligations"] if o["result"] == "refuted"]
    missing = [kind for kind in keys.get("refuted", []) if not any(one.startswith(kind) for one in refuted)]
    return not missing, "not refuted: %s" % ", ".join(missing)


def some(items, take_all):
    return items if take_all else items[::SOME]


def ask_sentences(build, take_all):
    """Lines of `asked`: [word, request, why]"""
    asks = subprocess.run([sys.executable, os.path.join(ROOT, "tests", "devset", "devset.py"), "asks"], capture_output=True, text=True, check=True).stdout
    lines = some(asks.splitlines(), take_all)
    run = subprocess.run([os.path.join(build, "tests", "proofs", "asked")], input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=3000)
    found = [line.split("\t") for line in run.stdout.splitlines() if line.count("\t") >= 2]
    return found if run.returncode == 0 else found + [["ended", "exit code %d" % run.returncode, run.stderr[-300:]]]


def ask_cards(build, take_all):
    events = subprocess.run("grep -h '^name: ' %s/data/events/*.yaml | cut -d' ' -f2" % ROOT, shell=True, capture_output=True, text=True, check=True).stdout.split()
    found = []
    for name in some(sorted(events), take_all):
        run = subprocess.run([os.path.join(build, "tests", "proofs", "asked"), "--cards", name], capture_output=True, text=True, timeout=600)
        found += [line.split("\t") for line in run.stdout.splitlines()]
    return found


def main():
    flags = {a for a in sys.argv[1:] if a.startswith("--")}
    args = [a for a in sys.argv[1:] if not a.startswith("--")]
    build, names = os.path.abspath(args[0]), args[1:]
    os.environ.setdefault("KGENT_DATA", os.path.join(ROOT, "data"))
    os.environ.setdefault("KGENT_MEMORY", "off")
    if not shutil.which("bpftrace") or os.geteuid():
        print("skip: asked: bpftrace is not installed, or this is not root")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    passed = failed = 0
    programs = sorted(n[:-3] for n in os.listdir(PROGRAMS) if n.endswith(".bt"))
    programs = [n for n in programs if not names or n in names]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for name, (ok, why) in zip(programs, pool.map(lambda n: check_program(build, n), programs)):
            passed, failed = passed + ok, failed + (not ok)
            if not ok:
                print("not ok %s: %s" % (name, why))
    if not names:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            sentences, requests = pool.map(lambda f: f(build, "--all" in flags), (ask_sentences, ask_cards))
        for what, asked in (("sentences", sentences), ("requests of cards", requests)):
            words = {}
            for word, ask, why in asked:
                words[word] = words.get(word, 0) + 1
                if word in ("refuted", "bad contract", "not built", "ended"):
                    failed += 1
                    print("not ok %s: %s: %s" % (word, ask, why))
            proved, judged = words.get("proved", 0), words.get("proved", 0) + words.get("unknown", 0)
            passed += judged
            print("# %s: %s" % (what, ", ".join("%d %s" % (n, word) for word, n in sorted(words.items()))))
            # some requests of cards contradict themselves (failed, and read some bytes): nothing fulfils them
            if judged < 50 or (what == "sentences" and proved < PROVED_SHARE * judged):
                failed += 1
                print("not ok the share of %s that is proved: %d of %d" % (what, proved, judged))
    print("%d passed, %d failed, 0 skipped" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
