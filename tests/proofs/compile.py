#!/usr/bin/env python3
"""Do the programs of tests/golden/proofs compile, and are their contracts right?

    compile.py CONTRACTS-BINARY [-k OBJECTS] [-v] [NAME...]

Each program in bpftrace is compiled with `bpftrace --emit-elf` (against the running kernel, or the profile that the case names), each in C
with `clang -O2 -g -target bpf`. Each contract is held against the same kernel by CONTRACTS-BINARY (see contracts.c), with all its
findings shown. With -k the objects are kept in the folder OBJECTS. Ends with "N passed, N failed, N skipped".
"""
import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

import cases

TESTS = os.path.dirname(os.path.dirname(cases.GOLDEN))


def unpack(name, into):
    """The profile's folder: tests/profiles/NAME.tar.xz, unpacked once."""
    folder = os.path.join(into, name)
    if not os.path.isdir(folder):
        with tarfile.open(os.path.join(TESTS, "profiles", name + ".tar.xz")) as tar:
            tar.extractall(folder)
    return folder


def errors_of(text):
    return [line for line in text.splitlines() if "ERROR" in line and "RLIMIT_MEMLOCK" not in line]


def compile_bt(case, out, profile):
    env = dict(os.environ, **({"BPFTRACE_BTF": os.path.join(profile, "btf")} if profile else {}))
    run = subprocess.run(["bpftrace", "--emit-elf", out, case.program], capture_output=True, text=True, timeout=120, env=env, errors="replace",
                         stdin=subprocess.DEVNULL)
    made = [n for n in os.listdir(os.path.dirname(out)) if n.startswith(os.path.basename(out))]
    if run.returncode or errors_of(run.stderr) or not made:
        return "; ".join(errors_of(run.stderr)) or run.stderr.strip()[-300:] or f"exit {run.returncode}, no object"
    return None


def compile_c(case, out):
    include = "/usr/include/" + os.uname().machine + "-linux-gnu"
    run = subprocess.run(["clang", "-O2", "-g", "-Wall", "-target", "bpf", "-D__TARGET_ARCH_x86", "-I", include, "-c", case.program, "-o", out],
                         capture_output=True, text=True, timeout=120)
    return run.stderr.strip()[-600:] if run.returncode else None


def try_one(case, args, tmp):
    if case.skip:
        return "skip", case.skip
    if not os.path.exists(case.program):
        return "skip", f"{case.program} is not installed"
    profile = unpack(case.profile, tmp) if case.profile else None
    out = os.path.join(args.keep or tempfile.mkdtemp(dir=tmp), case.name + ".o")
    try:
        why = compile_c(case, out) if case.is_c else compile_bt(case, out, profile)
    except subprocess.TimeoutExpired:
        why = "time-out"
    return ("not ok", why) if why else ("ok", "")


def check_contracts(args, found, tmp):
    """(ok, text) of each contract with the profile that its case names."""
    for contract, profile in sorted({(c.contract, c.profile) for c in found if not c.skip}, key=str):
        command = [args.contracts, "-j"] + (["-p", unpack(profile, tmp)] if profile else []) + [contract]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        yield os.path.basename(contract), run.returncode == 0, run.stderr.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contracts")
    parser.add_argument("-k", "--keep")
    parser.add_argument("-v", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_intermixed_args()
    found = [c for c in cases.all_cases() if not args.names or c.name in args.names]
    counts = {"ok": 0, "not ok": 0, "skip": 0}
    tmp = tempfile.mkdtemp()
    for profile in {c.profile for c in found if c.profile}:
        unpack(profile, tmp)
    for name, ok, text in check_contracts(args, found, tmp):
        counts["ok" if ok else "not ok"] += 1
        if text and (not ok or args.v):
            print(f"{'ok' if ok else 'not ok'} {name}:\n{text}")
    can_build = {".bt": shutil.which("bpftrace") and os.geteuid() == 0, ".c": shutil.which("clang")}
    for case in found:
        if not can_build[".c" if case.is_c else ".bt"]:
            case.skip = case.skip or ("clang is not installed" if case.is_c else "bpftrace is not installed, or this is not root")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for case, (what, why) in zip(found, pool.map(lambda c: try_one(c, args, tmp), found)):
            counts[what] += 1
            if what != "ok" or args.v:
                print(f"{'skip:' if what == 'skip' else what} {case.name}{': ' + why if why else ''}")
    shutil.rmtree(tmp)
    print(f"{counts['ok']} passed, {counts['not ok']} failed, {counts['skip']} skipped")
    return bool(counts["not ok"] or not found)


if __name__ == "__main__":
    sys.exit(main())
