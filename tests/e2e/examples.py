#!/usr/bin/env python3
"""The examples of data/corpus/ that have a trial: does each program show what its trial expects, and does the trial of each example of
how it is not done refute it?

    examples.py [-k TEXT] [--sandbox NAME]

Programs that this kernel can run are tried on it, which needs root. Those that need kprobes or fentry, where this kernel has none, are tried
in a sandbox: with the kernel of --sandbox, else with one that the cache of the tests has (KGENT_TEST_CACHE: as tests/e2e/sandbox_vm.c keeps
it). tests/e2e/trials/ has further programs for that. Prints TAP.
"""
import argparse
import atexit
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

try:
    import yaml
except ImportError:
    print("skip: needs python3-yaml")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KGENT = os.environ.get("KGENT", "kgent")
TRACING = next((d for d in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing") if os.path.isdir(d + "/events")), None)
IN_SANDBOX = {"kprobe", "fentry"}


def run(path, kernel):
    command = [KGENT, "trial", path, "--json"] + (["--kernel", kernel] if kernel else [])
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return (json.loads(lines[-1]) if lines else {}), done


def has_kprobes():
    return os.path.exists("/sys/bus/event_source/devices/kprobe")


def sandbox_kernel():
    """A kernel of the tests' cache, and the environment in which kgent finds it. None where there is none."""
    cache = os.environ.get("KGENT_TEST_CACHE")
    if not cache or not os.path.isdir(os.path.join(cache, "kernels")):
        return None
    home = tempfile.mkdtemp(prefix="kgent-cache")
    atexit.register(shutil.rmtree, home)
    os.symlink(cache, os.path.join(home, "kgent"))
    os.environ["XDG_CACHE_HOME"] = home
    names = sorted(name for name in os.listdir(os.path.join(cache, "kernels")) if name[0].isdigit())
    return names[-1] if names else None


def judge(case, got, done):
    """(ok, skip reason, problem)"""
    word, problem = got.get("judgement"), got.get("problem") or {}
    if problem.get("kind") == "no stimulus" or (problem and "can't be used" in str(problem.get("message"))):
        return True, problem["message"], None
    if problem.get("kind") == "program failed" and "did not end" in problem["message"]:
        return True, f"this machine is too busy: {problem['message']}", None
    failed = [check for check in got.get("checks", []) if check["result"] == "failed"]
    if word == "not tried" and failed and failed[0]["name"] in ("attach points", "kernel verifier"):
        return True, f"this kernel: {failed[0]['detail']}", None
    want = "not as expected" if case.get("verdict") else "as expected"
    if word == want:
        return True, None, None
    bad = [f for f in got.get("findings", []) if f["outcome"] != "seen"]
    return False, None, f"judged {word}, wanted {want}; {bad[:2]} {problem} {failed[:1]} {done.stderr[-200:]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", default="", metavar="TEXT", help="only examples with TEXT in their name")
    parser.add_argument("--sandbox", default="", metavar="NAME")
    args = parser.parse_args()
    sandbox = args.sandbox or sandbox_kernel()
    cases = []
    for path in sorted(glob.glob(os.path.join(ROOT, "data/corpus/*.yaml")) + glob.glob(os.path.join(HERE, "trials/*.yaml"))):
        with open(path, encoding="utf-8") as f:
            documents = [doc for doc in yaml.safe_load_all(f) if doc]
        if len(documents) == 1 and "trial" in documents[0] and args.k in os.path.basename(path):
            cases.append((path, documents[0]))
    print(f"1..{len(cases)}", flush=True)
    failed = 0
    for number, (path, case) in enumerate(cases, 1):
        name = f"{number} - {os.path.basename(path)[:-5]}: {case['request']}".replace("#", "")
        needs = IN_SANDBOX & set(case.get("needs", []))
        if needs and not has_kprobes() and not sandbox:
            print(f"ok {name} # SKIP needs {', '.join(needs)}, and there is no sandbox", flush=True)
            continue
        kernel = sandbox if needs and not has_kprobes() else None
        if not kernel and (os.geteuid() != 0 or not TRACING or not shutil.which("bpftrace")):
            print(f"ok {name} # SKIP needs root, tracefs and bpftrace", flush=True)
            continue
        ok, skip, problem = judge(case, *run(path, kernel))
        failed += not ok
        print(f"{'ok' if ok else 'not ok'} {name}" + (f" # SKIP {skip}" if skip else "") + (f"\n# {problem}" if problem else ""), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
