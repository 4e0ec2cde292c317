#!/usr/bin/env python3
"""Does bpftrace compile what the builtin engine writes?

    compile.py PROGRAMS-BINARY [--profile DIR] [--all] [-v] [CARD...]

PROGRAMS-BINARY writes programs for every event card (see programs.c). Each is compiled with `bpftrace --emit-elf`, which loads nothing. One
that does not compile is a failure. Without --all: of each card the
line of all its fields and its latency, and of every third card the rest, too.
Ends with "N passed, N failed, N skipped".
"""
import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile


def compile_one(path):
    with tempfile.TemporaryDirectory() as tmp:
        try:
            run = subprocess.run(["bpftrace", "--emit-elf", os.path.join(tmp, "o"), path], capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            return path, "time-out"
        made = any(name.startswith("o") for name in os.listdir(tmp))
    errors = [line for line in run.stderr.decode(errors="replace").splitlines() if "ERROR" in line and "RLIMIT_MEMLOCK" not in line]
    if run.returncode != 0 or errors or not made:
        return path, "; ".join(errors) or run.stderr.decode(errors="replace").strip()[-300:] or f"exit {run.returncode}, no object"
    return path, None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs")
    parser.add_argument("--profile")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("-v", action="store_true")
    parser.add_argument("cards", nargs="*")
    args = parser.parse_args()
    if not shutil.which("bpftrace"):
        print("skipped: bpftrace is not installed")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    if os.geteuid() != 0:
        print("skipped: bpftrace compiles as root only")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    out = tempfile.mkdtemp()
    command = [args.programs] + (["--profile", args.profile] if args.profile else []) + [out]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    unsupported = [line for line in listing if line.startswith("unsupported")]
    paths = sorted(os.path.join(out, name) for name in os.listdir(out))
    if args.cards:
        paths = [p for p in paths if os.path.basename(p).split(".")[0] in args.cards]
    elif not args.all:
        names = sorted({os.path.basename(p).split(".")[0] for p in paths})
        paths = [p for p in paths if os.path.basename(p).split(".")[0] in names[::3] or os.path.basename(p).split(".")[1] in ("print", "latency")]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for path, why in pool.map(compile_one, paths):
            if why:
                failed += 1
                print(f"not ok {os.path.basename(path)}: {why}")
            elif args.v:
                print(f"ok {os.path.basename(path)}")
    for line in listing if args.v else unsupported:
        what, *rest = line.split("\t")
        print("skip:" if what == "unsupported" else f"# {what}:", ": ".join(rest))
    shutil.rmtree(out)
    print(f"{len(paths) - failed} passed, {failed} failed, {len(unsupported)} skipped")
    return bool(failed or not paths)


if __name__ == "__main__":
    sys.exit(main())
