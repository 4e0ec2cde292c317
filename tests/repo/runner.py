#!/usr/bin/env python3
"""Does tests/run count right? What tests print, and what must be counted of it. Prints TAP."""
import importlib.machinery
import importlib.util
import os
import sys

RUN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "run")
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("run", RUN)
run = importlib.util.module_from_spec(importlib.util.spec_from_loader("run", loader))
loader.exec_module(run)

# name, output, exit code (None: out of time), passed, failed, skipped with their reasons
CASES = [
    ("nothing printed, success", "", 0, 1, 0, []),
    ("nothing printed, failure", "", 1, 0, 1, []),
    ("nothing printed, skipped", "skip: no root\n", 77, 0, 0, ["no root"]),
    ("skipped without a reason", "", 77, 0, 0, ["no reason given"]),
    ("TAP", "1..3\nok 1 - a\nnot ok 2 - b\nok 3 - c\n", 1, 2, 1, []),
    ("TAP, all passed, but it crashed at its end", "1..1\nok 1 - a\n", -11, 1, 1, []),
    ("TAP, all passed, but a leak was found", "1..1\nok 1 - a\n", 23, 1, 1, []),
    ("bats skips", "1..2\nok 1 a\nok 2 b # skip needs root\n", 0, 1, 0, ["needs root"]),
    ("cmocka skips", "1..2\nok 1 - a\nskip: no kprobes\nnot ok 2 # SKIP b\n", 0, 1, 0, ["no kprobes"]),
    ("cmocka skips, reason of another case", "skip: old\nok 1 - a\nnot ok 2 # SKIP b\n", 0, 1, 0, ["no reason given"]),
    ("data cases", "skip: x: not here\nskip: y: nor there\n5 passed, 1 failed, 2 skipped\n", 1, 5, 1, ["not here", "nor there"]),
    ("data cases that count none as failed, with an error", "5 passed, 0 failed, 0 skipped\n", 1, 5, 1, []),
    ("out of time", "1..2\nok 1 - a\n", None, 1, 1, []),
    ("a sentence that looks like a summary is none", "we passed, 0 failed, 0 skipped\n", 0, 1, 0, []),
]


def main():
    print(f"1..{len(CASES)}")
    bad = False
    for number, (name, output, code, passed, failed, skipped) in enumerate(CASES, 1):
        outcome = run.Outcome(name)
        outcome.output = output
        run.count(outcome, code)
        got = (outcome.passed, len(outcome.failed), [why for _, why in outcome.skipped])
        right = got == (passed, failed, skipped)
        bad = bad or not right
        print(f"{'ok' if right else 'not ok'} {number} - {name}")
        if not right:
            print(f"# counted {got}, wanted {(passed, failed, skipped)}")
    return bad


if __name__ == "__main__":
    sys.exit(main())
