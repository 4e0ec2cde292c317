#!/usr/bin/env python3
"""Hold the way that counterexamples tell against tests/golden/paths/cases.txt, in text and in JSON. TAP on standard output."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KGENT = os.environ["KGENT"]
TIME_LIMIT_S = 90 * float(os.environ.get("TEST_TIME_FACTOR", "1"))
ROW = re.compile(r"^    (.{29}) (.*)$")


def read_cases():
    text = open(os.path.join(ROOT, "golden", "paths", "cases.txt")).read()
    for part in text.split("\n== ")[1:]:
        name, rest = part.split("\n", 1)
        contract, program, wanted = rest.split("\n--\n")
        yield name, contract, program, wanted.strip().split("\n")


def compile_c(file):
    target = file[:-2] + ".o"
    arch = {"x86_64": "x86", "aarch64": "arm64"}.get(os.uname().machine, "x86")
    subprocess.run(["clang", "-target", "bpf", "-D__TARGET_ARCH_" + arch, "-I/usr/include/" + os.uname().machine + "-linux-gnu", "-O2", "-g", "-c", file,
                    "-o", target], check=True, capture_output=True, timeout=60)
    return target


def check(folder, contract, program, *options):
    is_c = program.startswith("#include")
    file, terms = os.path.join(folder, "program.c" if is_c else "program.bt"), os.path.join(folder, "contract.yaml")
    open(file, "w").write(program + "\n")
    file = compile_c(file) if is_c else file
    open(terms, "w").write(contract + "\n")
    command = [KGENT, "check", file, "--no-load"] + ([] if contract == "none" else ["--contract", terms]) + list(options)
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIME_LIMIT_S)


def ways_of_text(text):
    """Rows "by way of" of the first counterexample: "EVENT: TEXT"."""
    ways, event, label = [], 0, ""
    for line in text.split("\n"):
        row = ROW.match(line)
        if not row:
            continue
        label = row[1].strip() or label
        if row[1].strip() in ("for", "then"):
            event += 1
        if label == "by way of":
            ways.append("%d: %s" % (event, row[2]))
        if label == "asked for":
            break
    return ways


def wrong_json(report, ways):
    """The same decisions, with their lines."""
    for r in report["proof"]["obligations"] if report["proof"] else []:
        for ce in r["counterexamples"]:
            steps = [(i + 1, step) for i, event in enumerate(ce["events"]) for step in event.get("path", [])]
            told = [way for way in ways if "more decision" not in way]
            if len(steps) != len(told):
                return "JSON has %d decisions, the text %d" % (len(steps), len(told))
            for (event, step), way in zip(steps, told):
                if not way.startswith("%d: line %d:" % (event, step["line"])) or (step.get("since") or step.get("condition") or step["source"]) not in way:
                    return "JSON has %s where the text has %s" % (step, way)
                if (step["times"] > 1) != ("(%d times)" % step["times"] in way) or step["line"] not in [loc["line"] for loc in ce["lines"]]:
                    return "the times or the lines of %s" % step
            return None
    return "no counterexample in JSON" if ways else None


def judge(contract, program, wanted):
    """What is wrong, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        text, answer = check(folder, contract, program), check(folder, contract, program, "--json")
    if wanted[0].startswith("refused: "):
        return None if wanted[0][9:] in text.stdout and text.returncode else "it is not refused: " + text.stdout + text.stderr
    if "\nrefuted  " not in text.stdout:
        return "it is not refuted: " + text.stdout + text.stderr
    ways = ways_of_text(text.stdout)
    if ways != ([] if wanted == ["no way"] else wanted):
        return "the way is\n" + "\n".join(ways)
    return wrong_json(json.loads(answer.stdout), ways)


def why_skipped(program):
    """What is lacking to compile it here, or None."""
    if program.startswith("#include"):
        return None if shutil.which("clang") else "clang is not installed"
    with tempfile.TemporaryDirectory() as folder:
        answer = check(folder, "none", "tracepoint:syscalls:sys_enter_read { @ = 1; }", "--json")
    build = [c for c in json.loads(answer.stdout)["checks"] if c["name"] == "build"] if answer.stdout else []
    return build[0]["detail"] if build and build[0]["result"] == "not checked" else None


def main():
    cases = list(read_cases())
    print("1..%d" % len(cases))
    failed = 0
    lacking = {is_c: why_skipped("#include" if is_c else "") for is_c in (False, True)}
    for n, (name, contract, program, wanted) in enumerate(cases):
        why = lacking[program.startswith("#include")]
        if why:
            print("ok %d - %s # SKIP %s" % (n + 1, name, why))
            continue
        wrong = judge(contract, program, wanted)
        failed += wrong is not None
        print("%sok %d - %s" % ("not " if wrong else "", n + 1, name))
        if wrong:
            print("# " + wrong.replace("\n", "\n# "))
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
