#!/usr/bin/env python3
"""The answerable sentences of the development set, each with what it asks for: lines "GROUP<tab>SENTENCE".

    groups.py event     sentences of the same event are of one group
    groups.py intent    sentences of the same event, measure, value and keys are
"""
import glob
import os
import sys

try:
    import yaml
except ImportError:
    print("skip: needs python3-yaml")
    sys.exit(77)

SET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "devset")


def group(intent, kind):
    events = intent["event"] if isinstance(intent["event"], list) else [intent["event"]]
    parts = ["+".join(sorted(events))]
    if kind == "intent":
        parts += [intent["measure"], str(intent.get("value", "")), ",".join(sorted(intent.get("by", [])))]
    return "/".join(parts)


def main():
    kind = sys.argv[1] if len(sys.argv) > 1 else "event"
    seen = set()
    for path in sorted(glob.glob(os.path.join(SET, "dev-*.yaml"))):
        with open(path, encoding="utf-8") as f:
            for case in yaml.safe_load(f):
                ask = " ".join(case["ask"].split())
                if "intent" in case and ask not in seen:
                    seen.add(ask)
                    print(f"{group(case['intent'], kind)}\t{ask}")


if __name__ == "__main__":
    main()
