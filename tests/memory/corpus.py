#!/usr/bin/env python3
"""Is every shipped example what it says it is?

    corpus.py [-v] [NAME...]          (KGENT, KGENT_DATA and KGENT_TESTS as in the tests)

A good example must parse, be clean by policy, and have attach points and types that at least one tested kernel knows (the profiles of
tests/profiles/ and the running kernel). Where the running kernel has its attach points, its verifier must accept it; where not, bpftrace must
compile it, if it can without them. An example of a mistake that checks can see (verdict: rejected) must be rejected everywhere; one whose
mistake they can't see (refuted) is held to the same as a good one.
Prints what is wrong, and ends with "N passed, N failed, N skipped": one case an example.
"""
import argparse
import concurrent.futures
import glob
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

try:
    import yaml
except ImportError:
    print("skip: needs python3-yaml")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
KGENT = os.environ.get("KGENT", "kgent")
DATA = os.environ.get("KGENT_DATA", os.path.join(HERE, "..", "..", "data"))
TESTS = os.environ.get("KGENT_TESTS", os.path.join(HERE, ".."))
AT_LEAST_GOOD, AT_LEAST_BAD = 80, 10


def cases():
    for path in sorted(glob.glob(os.path.join(DATA, "corpus", "*.yaml"))):
        with open(path, encoding="utf-8") as f:
            for number, case in enumerate(filter(None, yaml.safe_load_all(f))):
                name = case.get("name") or os.path.basename(path)[:-len(".yaml")] + (f"-{number + 1}" if number else "")
                yield name, case


def unpack_profiles(into):
    for archive in sorted(glob.glob(os.path.join(TESTS, "profiles", "*.tar.xz"))):
        target = os.path.join(into, os.path.basename(archive)[:-len(".tar.xz")])
        os.mkdir(target)
        with tarfile.open(archive) as tar:
            tar.extractall(target)
        yield target


def check(path, *args, env=None):
    """{check: (result, detail)}, verdict"""
    run = subprocess.run([KGENT, "check", "--json", *args, path], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
                         env=dict(os.environ, **(env or {})))
    result = json.loads(run.stdout.splitlines()[-1])
    return {c["name"]: (c["result"], c["detail"] or "") for c in result["checks"]}, result["verdict"]


def failed(checks, *names):
    return [f"{name}: {checks[name][1]}" for name in names if checks[name][0] == "failed"]


STATIC = ("text", "syntax", "attach points", "types", "version", "policy")


def compile_alone(path):
    """What bpftrace says against it; None where it compiles. A kernel that lacks the attach point is no fault of the program's."""
    if not shutil.which("bpftrace") or os.geteuid() != 0:
        return "skip: needs bpftrace, and root to compile"
    with tempfile.TemporaryDirectory() as tmp:
        run = subprocess.run(["bpftrace", "--emit-elf", os.path.join(tmp, "o"), path], capture_output=True, text=True, timeout=60,
                             stdin=subprocess.DEVNULL)
        made = any(name.startswith("o") for name in os.listdir(tmp))
    errors = [line for line in run.stderr.splitlines() if "ERROR" in line and "RLIMIT_MEMLOCK" not in line]
    if run.returncode == 0 and made and not errors:
        return None
    why = "; ".join(errors) or run.stderr.strip()[-300:]
    lacks = ("tracepoint not found", "could not read traceable functions", "No BTF found", "Could not resolve symbol", "not traceable")
    return ("skip: bpftrace can't compile it without the attach point: " if any(word in why for word in lacks) else "") + why


def judge(name, case, path, profiles):
    """Problems, and why not all could be tried (or None)."""
    problems, fits, static = [], False, {"KGENT_BPFTRACE": "/bin/false"}
    rejected = case.get("verdict") == "rejected"
    for profile in profiles:
        if fits:  # one is enough
            break
        checks, verdict = check(path, "--no-load", "--profile", profile, env=static)
        if rejected:
            problems += [] if verdict == "rejected" else [f"it is not rejected on {os.path.basename(profile)}"]
            continue
        problems += failed(checks, "text", "syntax", "policy")
        fits = fits or not failed(checks, *STATIC)
    checks, verdict = check(path)
    if rejected:
        return problems + ([] if verdict == "rejected" else ["it is not rejected here"]), None
    problems += failed(checks, "text", "syntax", "version", "policy")
    if failed(checks, "attach points", "types"):
        problems += [] if fits else ["no tested kernel has it: " + "; ".join(failed(checks, "attach points", "types"))]
        wrong = compile_alone(path)
        if wrong and wrong.startswith("skip: "):
            return problems, wrong[len("skip: "):]
        return problems + ([wrong] if wrong else []), None
    if verdict == "loaded":
        return problems, None
    problems += failed(checks, "build", "kernel verifier")
    return problems, None if problems else "not loaded here: " + checks["kernel verifier"][1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-v", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    passed = n_failed = skipped = 0
    every = list(cases())
    with tempfile.TemporaryDirectory() as tmp:
        profiles = list(unpack_profiles(tmp))
        work = []
        for name, case in every:
            path = os.path.join(tmp, name + ".bt")
            with open(path, "w", encoding="utf-8") as f:
                f.write(case["program"])
            if not args.names or name in args.names:
                work.append((name, case, path))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for (name, _, _), (problems, skip) in zip(work, pool.map(lambda w: judge(*w, profiles), work)):
                for problem in problems:
                    print(f"not ok {name}: {problem}")
                if skip and not problems:
                    print(f"skip: {name}: {skip}")
                elif args.v and not problems:
                    print(f"ok {name}")
                passed, n_failed, skipped = passed + (not problems and not skip), n_failed + bool(problems), skipped + bool(skip and not problems)
    bad = [name for name, case in every if case.get("verdict")]
    if len(every) - len(bad) < AT_LEAST_GOOD or len(bad) < AT_LEAST_BAD:
        print(f"not ok the corpus: {len(every) - len(bad)} examples and {len(bad)} mistakes, at least {AT_LEAST_GOOD} and {AT_LEAST_BAD} are wanted")
        n_failed += 1
    print(f"{passed} passed, {n_failed} failed, {skipped} skipped")
    return bool(n_failed or not passed)


if __name__ == "__main__":
    sys.exit(main())
