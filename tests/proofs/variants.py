#!/usr/bin/env python3
"""The same program, written or compiled differently, gets the same verdict.

    tests/proofs/variants.py BUILD

Programs of tests/golden/proofs are renamed (variables and maps) and written on as few lines as can be; those in C are compiled with -O1, -O2 and -Os.
"""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cases  # noqa: E402
import run  # noqa: E402

STEP = 6  # every so many-th of bpftrace's cases: they are alike


def renamed(text):
    text = re.sub(r"\$([a-z_]\w*)", r"$kept_\1", text)
    return re.sub(r"@([a-z_]\w*)", r"@zz_\1", text)


def crowded(text):
    """Without comments and line breaks; strings are left as they are, preprocessor lines too."""
    parts = re.split(r'("(?:\\.|[^"\\])*"|^#.*$)', text, flags=re.M)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"\s+", " ", re.sub(r"//[^\n]*|/\*.*?\*/", " ", parts[i], flags=re.S))
    return "".join("\n" + p + "\n" if p.startswith("#") else p for p in parts)


def word_of(build, program, case):
    answer = subprocess.run([os.path.join(build, "kgent"), "check", program, "--contract", case.contract, "--json", "--no-load", "--bound", "time=240"],
                            capture_output=True, text=True, timeout=300)
    try:
        proof = run.json.loads(answer.stdout).get("proof")
    except ValueError:
        return None
    return proof and (proof["result"], sorted((r["kind"], r["what"], r["result"]) for r in proof["obligations"]))


def variants_of(case, folder):
    if case.is_c:
        for level in ("-O1", "-O2", "-Os"):
            target = os.path.join(folder, case.name + level + ".o")
            subprocess.run(["clang", "-target", "bpf", "-D__TARGET_ARCH_x86", "-I/usr/include/" + os.uname().machine + "-linux-gnu", level, "-g", "-c",
                            case.program, "-o", target], check=True, capture_output=True, timeout=60)
            yield level, target
        return
    with open(case.program, encoding="utf-8") as file:
        text = file.read()
    for name, make in (("as it is", str), ("renamed", renamed), ("crowded", crowded)):
        target = os.path.join(folder, "%s-%s.bt" % (case.name, name.replace(" ", "-")))
        with open(target, "w", encoding="utf-8") as file:
            file.write(make(text))
        yield name, target


def main():
    build = os.path.abspath(sys.argv[1])
    os.environ.setdefault("KGENT_DATA", os.path.join(run.ROOT, "data"))
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    chosen = [c for c in cases.cases("proved") + cases.cases("refused") if not c.skip and not c.unknown and not c.profile]
    chosen = [c for i, c in enumerate(chosen) if c.is_c or i % STEP == 0]
    with tempfile.TemporaryDirectory() as folder:
        for case in chosen:
            words = {name: word_of(build, program, case) for name, program in variants_of(case, folder)}
            first = next(iter(words.values()))
            if first is None:
                counts["skipped"] += 1
                print("skip: %s: it is not proved here" % case.name)
            elif all(word == first for word in words.values()):
                counts["passed"] += 1
            else:
                counts["failed"] += 1
                print("not ok %s" % case.name)
                for name, word in words.items():
                    print("    %s: %s" % (name, word if word is None else (word[0], [r for r in word[1] if r not in first[1]])))
    print("%d passed, %d failed, %d skipped" % (counts["passed"], counts["failed"], counts["skipped"]))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
