#!/usr/bin/env python3
"""Hold the proof against the cases in tests/golden/proofs: none that is to be refused may be called proved, none that is right refuted.

    tests/proofs/run.py BUILD [NAME...] [--list] [--times]

Each case goes through `kgent check PROGRAM --contract CONTRACT --json --no-load`. The facts that a case asks for are looked for in the answer: which
obligations are refuted, at which line, and what the counterexample shows and asks for. Every counterexample must say that it was replayed. A case that
names a profile of tests/profiles is proved for that kernel.
"""
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import cases  # noqa: E402
from compile import unpack  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(HERE))
PEAK_LIMIT = 500e6  # bytes of the process that proves; sanitizers ($SANITIZED) keep what was freed for a while
TIME_LIMIT_S = 240 * float(os.environ.get("TEST_TIME_FACTOR", "1"))


def number(text):
    found = re.match(r"-?(0x[0-9a-fA-F]+|\d+)", text or "")
    return int(found[0], 0) if found else None


def fits(wanted, result):
    kind, what = wanted
    return result["kind"] == kind and (not what or result["what"] in (what, "returns " + what))


def obligations(proof, word):
    return [r for r in proof["obligations"] if r["result"] == word]


def judge_refuted(case, proof):
    """What is wrong with the answer about a program that must be refuted: a list of sentences."""
    wrong, refuted = [], obligations(proof, "refuted")
    for wanted in case.refuted:
        if not any(fits(wanted, r) for r in refuted):
            unknown = [r for r in obligations(proof, "unknown") if fits(wanted, r)]
            wrong.append("%s: %s is %s" % (*wanted, "unknown: " + unknown[0].get("why", "") if unknown else "not refuted"))
    allowed = case.refuted + case.also
    for r in refuted:
        if case.refuted and not any(fits(wanted, r) for wanted in allowed):
            wrong.append("%s: %s is refuted as well: %s" % (r["kind"], r["what"], r.get("why")))
    for wanted in case.proved:
        for r in proof["obligations"]:
            if fits(wanted, r) and r["result"] != "proved":
                wrong.append("%s: %s is %s: %s" % (r["kind"], r["what"], r["result"], r.get("why")))
    # Objects of clang tell no place; elsewhere the first place where it shows is named, which may be another line than the one with the mistake.
    if case.line and refuted and not case.is_c and not any((r.get("program") or {}).get("line") for r in refuted):
        wrong.append("no refutation names a line of the program")
    if case.relation:
        wanted, expr = case.relation
        for r in refuted:
            for ce in r["counterexamples"]:
                if fits(wanted, r):
                    shown, want = number(ce.get("shown")), number(ce.get("wanted"))
                    if shown is None or want is None or not eval(expr, {"shown": shown, "wanted": want}):
                        wrong.append("%s does not hold for shown %s and wanted %s" % (expr, ce.get("shown"), ce.get("wanted")))
    for r in refuted:
        for ce in r["counterexamples"]:
            if not ce["replayed"]:
                wrong.append("%s: a counterexample that was not replayed" % r["what"])
        if not r["counterexamples"] and r["kind"] not in ("on", "every"):
            wrong.append("%s: %s is refuted without a counterexample" % (r["kind"], r["what"]))
    return wrong


def judge(case, proof):
    if case.unknown and proof["result"] == "unknown":  # not decided yet, for the reason that the case tells; it may never be decided wrongly
        return []
    if case.verdict == "refuted":
        wrong = judge_refuted(case, proof)
        if proof["result"] != "refuted":
            why = ["%s: %s" % (r["what"], r.get("why")) for r in obligations(proof, "unknown")]
            wrong.insert(0, "it is called %s %s" % (proof["result"], why[:2]))
        return wrong
    return ["%s: %s is %s: %s%s" % (r["kind"], r["what"], r["result"], r.get("why"), shown(r)) for r in proof["obligations"] if r["result"] != "proved"]


def shown(result):
    return "".join(" (shown %s, wanted %s)" % (ce.get("shown"), ce.get("wanted")) for ce in result["counterexamples"][:1])


def object_of(case, folder):
    """A C program is compiled by clang, as its users do; bpftrace's is kgent's to compile."""
    if not case.is_c:
        return case.program
    target = os.path.join(folder, case.name + ".o")
    arch = {"x86_64": "x86", "aarch64": "arm64"}.get(os.uname().machine, "x86")
    subprocess.run(["clang", "-target", "bpf", "-D__TARGET_ARCH_" + arch, "-I/usr/include/" + os.uname().machine + "-linux-gnu", "-O2", "-g", "-c", case.program,
                    "-o", target], check=True, capture_output=True, timeout=60)
    return target


def run(build, case, folder):
    """(outcome, lines): outcome "ok", "failed" or "skipped"."""
    if case.skip:
        return "skipped", [case.skip], None
    if not os.path.exists(case.program):
        return "skipped", [case.program + " is not installed"], None
    try:
        program = object_of(case, folder)
        command = [os.path.join(build, "kgent"), "check", program, "--contract", case.contract, "--json", "--no-load", "--bound", "time=%d" % TIME_LIMIT_S]
        command += ["--profile", unpack(case.profile, folder)] if case.profile else []
        answer = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT_S + 60)
        if "Sanitizer" in answer.stderr or "runtime error:" in answer.stderr:
            return "failed", answer.stderr.splitlines()[-40:], None
        if not answer.stdout and "the contract can" in answer.stderr and ("has no member" in answer.stderr or "in this kernel" in answer.stderr):
            return "skipped", ["it is about another kernel than the running one, and names no profile"], None
        report = json.loads(answer.stdout)
    except (subprocess.SubprocessError, ValueError, OSError) as e:
        return "failed", [str(e)], None
    proof = report.get("proof")
    if not proof:
        why = [c["detail"] for c in report["checks"] if c["name"] == "proof"] + [answer.stderr]
        build_failed = [c for c in report["checks"] if c["name"] in ("build", "types") and c["result"] == "failed"]
        return ("skipped" if build_failed else "failed"), ["no proof: %s" % (build_failed[0]["detail"] if build_failed else why)], None
    wrong = judge(case, proof)
    if not 0 < proof["peak_bytes"] < (PEAK_LIMIT if "SANITIZED" not in os.environ else PEAK_LIMIT * 4):
        wrong.append("the proof took %.0f MB" % (proof["peak_bytes"] / 1e6))
    return ("failed" if wrong else "ok"), wrong, proof


def main():
    args = [a for a in sys.argv[1:] if not a.startswith("--")]
    flags = {a for a in sys.argv[1:] if a.startswith("--")}
    build, names = os.path.abspath(args[0]), args[1:]
    os.environ.setdefault("KGENT_DATA", os.path.join(ROOT, "data"))
    chosen = [c for c in cases.all_cases() if not names or c.name in names]
    counts = {"ok": 0, "failed": 0, "skipped": 0}
    times, peaks = [], []
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        for profile in {c.profile for c in chosen if c.profile}:
            unpack(profile, folder)
        for case, (outcome, lines, proof) in zip(chosen, pool.map(lambda c: run(build, c, folder), chosen)):
            counts[outcome] += 1
            kind = os.path.basename(os.path.dirname(case.path))
            if outcome != "ok" or "--list" in flags:
                print("%s %s/%s%s" % ({"ok": "ok", "failed": "not ok", "skipped": "skip:"}[outcome], kind, case.name,
                                      "".join("\n    " + line for line in lines) if outcome == "failed" else ": " + "; ".join(lines) if lines else ""))
            if proof:
                times.append((proof["took_ns"] / 1e6, case.name))
                peaks.append((proof["peak_bytes"] / 1e6, case.name))
            sys.stdout.flush()
    if times and "--times" in flags:
        times.sort()
        print("median %.0f ms, 95th percentile %.0f ms, longest %.0f ms (%s)" % (times[len(times) // 2][0], times[int(len(times) * .95)][0], *times[-1]))
        print("peak memory %.0f MB (%s)" % max(peaks))
    print("%d passed, %d failed, %d skipped" % (counts["ok"], counts["failed"], counts["skipped"]))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
