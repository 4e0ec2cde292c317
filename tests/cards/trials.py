#!/usr/bin/env python3
"""Does what the cards say of their stimuli refute right programs? For each card with a stimulus a sentence is asked, and the program that kgent
writes for it is tried on this kernel. A trial that fails is a mistake in the card, or in the program.

    trials.py EVENTS-DIR [-k TEXT]      KGENT in the environment names the program

Prints TAP. A card that this kernel, or the machine, cannot try is skipped with kgent's own reason.
"""
import glob
import json
import os
import subprocess
import sys

try:
    import yaml
except ImportError:
    print("skip: needs python3-yaml")
    sys.exit(77)

KGENT = os.environ.get("KGENT", "kgent")


def ask(sentence):
    done = subprocess.run([KGENT, sentence, "--dry-run", "--no-memory", "--trial", "always", "--json"], capture_output=True, text=True, timeout=180)
    return json.loads(done.stdout.splitlines()[-1])


def trial_of(got):
    """(result, detail) of its trial; (None, why) where it did not come to one."""
    for check in got["checks"]:
        if check["name"] == "trial":
            return (None if check["result"] == "not checked" else check["result"]), check["detail"]
    return None, (got["problem"] or {}).get("message", "no program")


def main():
    if os.geteuid() != 0:
        print("skip: needs root")
        return 77
    text = sys.argv[sys.argv.index("-k") + 1] if "-k" in sys.argv else ""
    cards = []
    for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.yaml"))):
        with open(path, encoding="utf-8") as f:
            cards += [card for card in yaml.safe_load_all(f) if card and "stimulus" in card and text in card["name"]]
    print(f"1..{len(cards)}", flush=True)
    failed, passed = 0, 0
    for number, card in enumerate(cards, 1):
        why = []
        for sentence in (f"count {card['plural']} by process", f"print {card['plural']}", f"count {card['says'][0]} by process"):
            result, detail = trial_of(ask(sentence))
            if result:
                break
            why.append(detail)
        failed += result == "failed"
        passed += result == "passed"
        if result:
            print(f"{'ok' if result == 'passed' else 'not ok'} {number} - {card['name']}: {sentence}\n# {detail}", flush=True)
        else:
            print(f"ok {number} - {card['name']} # SKIP {why[0]}", flush=True)
    if not text and not passed:
        print("# nothing could be tried at all")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
