#!/usr/bin/env python3
"""Are both rankings together at least as good as the better one alone? retrieval.py RETRIEVAL-BINARY

Sentences of the development set that ask for the same event, or for the same event in the same way, should find each other; so should the
wordings of one shipped example. Prints the tables of docs/memory.md; fails where both together are worse than words alone, or more than a
hundredth worse than the vectors alone.
"""
import glob
import os
import subprocess
import sys

try:
    import yaml
except ImportError:
    print("skip: needs python3-yaml")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
TITLES = {"event": "sentences of the development set, same event", "intent": "... same event, measure, value and keys",
          "corpus": "wordings of the shipped examples, same example"}


def group(intent, kind):
    events = intent["event"] if isinstance(intent["event"], list) else [intent["event"]]
    parts = ["+".join(sorted(events))]
    if kind == "intent":
        parts += [intent["measure"], str(intent.get("value", "")), ",".join(sorted(intent.get("by", [])))]
    return "/".join(parts)


def documents(pattern):
    for path in sorted(glob.glob(os.path.join(HERE, pattern))):
        with open(path, encoding="utf-8") as f:
            for document in filter(None, yaml.safe_load_all(f)):
                yield os.path.basename(path), document


def pairs(kind):
    if kind == "corpus":
        for name, case in documents("../../data/corpus/*.yaml"):
            if "verdict" not in case:
                yield from ((name, " ".join(text.split())) for text in [case["request"], *case.get("also", [])])
        return
    for _, cases in documents("../devset/dev-*.yaml"):
        yield from ((group(case["intent"], kind), " ".join(case["ask"].split())) for case in cases if "intent" in case)


def main():
    passed = failed = 0
    for kind, title in TITLES.items():
        lines = "".join(f"{name}\t{sentence}\n" for name, sentence in dict.fromkeys(pairs(kind)))
        run = subprocess.run([sys.argv[1]], input=lines, capture_output=True, text=True, timeout=300)
        print(f"# {title}\n{run.stdout}{run.stderr}", end="")
        words, vectors, both = (float(line.split()[-1]) for line in run.stdout.splitlines()[2:5])
        good = run.returncode == 0 and both >= words and both >= vectors - 0.01
        passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
