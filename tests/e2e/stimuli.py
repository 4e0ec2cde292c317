#!/usr/bin/env python3
"""Does kgent-stimulus tell the truth? Each case of stimuli.yaml runs a stimulus under a bpftrace program that was written by hand, and
compares what the kernel saw with what the stimulus told.

    stimuli.py [-k TEXT] [-v]      STIMULUS in the environment names the program

Many cases share one bpftrace: each has a process name of its own. Prints TAP. What this machine can't do is skipped, with the
stimulus's own reason. Also: every stimulus tells the members that its help names, a stimulus that is killed leaves nothing behind,
and docs/stimuli.md has the table that the program prints.
"""
import argparse
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

try:
    import yaml
except ImportError:
    print("skip: needs python3-yaml")
    sys.exit(77)

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
STIMULUS = os.path.abspath(os.environ.get("STIMULUS", "kgent-stimulus"))
TRACING = next((d for d in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing") if os.path.isdir(d + "/events")), None)
BATCH = 24
CANNOT = 3
N = 0


def tap(ok, name, problem=None):
    global N
    N += 1
    print(f"{'ok' if ok else 'not ok'} {N} - {name}" + (f"\n# {problem}" if problem and not ok else ""), flush=True)
    return ok


def skip(name, why):
    global N
    N += 1
    print(f"ok {N} - {name} # SKIP {why}", flush=True)


def no_twins(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError(f"a member is there twice: {names}")
    return dict(pairs)


def stimulate(words, timeout=120):
    done = subprocess.run([STIMULUS, *words], capture_output=True, text=True, timeout=timeout)
    try:
        truth = json.loads(done.stdout, object_pairs_hook=no_twins)
    except ValueError as why:
        truth = {"why": f"{why}: {done.stdout[:200]} {done.stderr[:200]}"}
    return done.returncode, truth


def look_up(truth, path):
    if isinstance(path, int):
        return path
    path, _, by = path.partition(" / ")
    if re.fullmatch(r"-?\d+", path):
        return int(path)
    for name in path.split("."):
        truth = truth[int(name)] if isinstance(truth, list) else truth[name]
    return truth // int(by) if by else truth


# ---------------------------------------------------------------- one bpftrace for many cases

def compose(cases):
    parts = []
    for case in cases:
        text = case["program"].replace("COMM", case["comm"]).replace("STIMULUS", STIMULUS)
        parts.append(re.sub(r"@(\w*)", lambda m: f"@{case['id']}_{m[1]}", text))
    return "\n".join(parts)


def observe(cases):
    """The last values of all maps: {name: {key or "": value}}; None and why where bpftrace does not attach."""
    with tempfile.NamedTemporaryFile("w", suffix=".bt") as f:
        f.write(compose(cases))
        f.flush()
        tracer = subprocess.Popen(["bpftrace", "-f", "json", f.name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  errors="replace", env=dict(os.environ, BPFTRACE_STRLEN="100", BPFTRACE_MAP_KEYS_MAX="20000"))
        lines, errors = [], []
        readers = [threading.Thread(target=lambda: lines.extend(tracer.stdout)), threading.Thread(target=lambda: errors.extend(tracer.stderr))]
        for reader in readers:
            reader.start()
        until = time.time() + 90
        while tracer.poll() is None and time.time() < until and not is_attached(tracer.pid):
            time.sleep(0.05)
        if tracer.poll() is None:
            for case in cases:
                case["code"], case["truth"] = stimulate([*case["run"].split(), "--comm", case["comm"]])
            time.sleep(0.3)
            tracer.send_signal(signal.SIGINT)
        tracer.wait(120)
        for reader in readers:
            reader.join()
    if any("truth" not in case for case in cases):
        return None, "".join(errors)[-600:]
    return maps_of(lines), None


def is_attached(pid):
    try:
        with open(f"/proc/{pid}/syscall") as f:
            return f.read().split()[0] in ("232", "281", "441")
    except (OSError, IndexError):
        return False


def maps_of(lines):
    maps = {}
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event.get("type") not in ("map", "stats"):
            continue
        for name, rows in event["data"].items():
            maps[name] = rows if isinstance(rows, dict) else {"": rows}
    return maps


def compare(case, maps):
    truth = case["truth"]
    for how in ("same", "at_least"):
        for place, path in case.get(how, {}).items():
            name, _, key = place.partition("[")
            key = re.sub(r"\$([\w.]+)", lambda m: str(look_up(truth, m[1])), key.rstrip("]"))
            got = maps.get(f"@{case['id']}_{name}", {}).get(key, 0)
            want = look_up(truth, path)
            if got != want if how == "same" else got < want:
                seen = {n: v for n, v in maps.items() if n.startswith(f"@{case['id']}_")}
                return f"{place} is {got}, the stimulus told {path} = {want}; {str(seen)[:300]}"
    return None


def missing(case):
    for need in case.get("needs", []) + re.findall(r"tracepoint:(\w+:\w+)", case["program"]):
        if not os.path.isdir(f"{TRACING}/events/{need.replace(':', '/')}"):
            return f"no tracepoint {need}"
    return None


def run_cases(cases):
    for number, case in enumerate(cases):
        case["id"], case["comm"] = f"c{number}", f"kgt{os.getpid() % 10000}_{number}"
    todo = []
    for case in cases:
        why = missing(case)
        if why:
            skip(case["run"], why)
        else:
            todo.append(case)
    for i in range(0, len(todo), BATCH):
        run_batch(todo[i:i + BATCH])


def run_batch(batch):
    maps, why = observe(batch)
    if maps is None and len(batch) > 1:  # one that does not attach must not hide the others
        for case in batch:
            run_batch([case])
        return
    for case in batch:
        if maps is None:
            tap(False, case["run"], f"bpftrace: {' / '.join(why.split(chr(10)))}")
        elif case["code"] == CANNOT:
            skip(case["run"], case["truth"].get("why", "no reason"))
        elif case["code"]:
            tap(False, case["run"], f"exit code {case['code']}: {case['truth'].get('why')}")
        else:
            problem = compare(case, maps)
            tap(problem is None, case["run"], problem)


# ---------------------------------------------------------------- what it says of itself

def flat(value, prefix=""):
    if isinstance(value, dict):
        return {name for key, below in value.items() for name in flat(below, f"{prefix}{key}.")}
    if isinstance(value, list):
        return {name for below in value for name in flat(below, f"{prefix}N.")}
    return {prefix[:-1]}


COMMON = set("stimulus done comm pid tid ppid uid gid elapsed_ns usage.switches usage.minor_faults usage.major_faults usage.cpu_ns".split())


def check_tells():
    """Each stimulus with its defaults: the truth has the members that it is said to have, and no others."""
    for one in json.loads(subprocess.run([STIMULUS, "list", "--json"], capture_output=True, text=True, check=True).stdout):
        code, truth = stimulate([one["name"], "--dir", "/var/tmp"])
        if code == CANNOT:
            skip(f"{one['name']} tells what it says it does", truth.get("why", "no reason"))
            continue
        got, want = flat(truth) - COMMON, set(one["tells"].split())
        tap(code == 0 and got == want, f"{one['name']} tells what it says it does",
            f"exit code {code} {truth.get('why', '')}; not told: {sorted(want - got)}; told besides: {sorted(got - want)}")


def leftovers():
    loops = subprocess.run(["losetup", "-a"], capture_output=True, text=True).stdout if shutil.which("losetup") else ""
    with open("/proc/swaps") as f:
        swaps = f.read()
    found = glob.glob("/tmp/kgstim.*") + glob.glob("/var/tmp/kgstim.*") + glob.glob("/sys/fs/cgroup/**/kgstim.*", recursive=True)
    return found + [line for line in loops.splitlines() if "kgstim" in line] + [line for line in swaps.splitlines() if "loop" in line]


def check_kills():
    """Killed in the middle of it, by each of these, nothing is left behind."""
    for words in ("swap --bytes 400M --limit 16M", "block-io --count 10000", "filesystem --count 2000", "reclaim --bytes 600M --dir /var/tmp",
                  "tcp-window --ms 5000", "spin --ms 5000", "semaphore --count 100000", "mount --count 10000"):
        for number in (signal.SIGTERM, signal.SIGKILL):
            child = subprocess.Popen([STIMULUS, *words.split()], stdout=subprocess.PIPE, text=True)
            time.sleep(0.15)
            child.send_signal(number)
            said = child.communicate(timeout=60)[0]
            until = time.time() + 10
            while leftovers() and time.time() < until:
                time.sleep(0.1)
            left = leftovers()
            told = number == signal.SIGKILL or child.returncode != 0 or '"done":true' in said
            tap(not left and told, f"{words}, ended by {number.name}, leaves nothing behind", f"{left} {said[:200]}")


def check_document():
    path = os.path.join(ROOT, "docs/stimuli.md")
    table = subprocess.run([STIMULUS, "list", "--markdown"], capture_output=True, text=True, check=True).stdout
    with open(path, encoding="utf-8") as f:
        tap(table.strip() in f.read(), "docs/stimuli.md has the table that kgent-stimulus list --markdown prints")


def references(value):
    return re.findall(r"\$([A-Za-z_][\w.]*)", str(value))


def wrong_references(words, values, known, each=None):
    """What is wrong with a stimulus and the members of its truth that somebody speaks of."""
    stimulus = known.get(words[0])
    if not stimulus:
        return [f"there is no stimulus {words[0]}"]
    problems = [f"{words[0]} has no option {word}" for word in words[1:]
                if word.startswith("--") and word[2:] not in stimulus["options"] + ["comm", "cpu", "dir", "timeout", "uid"]]
    told = set(stimulus["tells"].split()) | COMMON
    for name in [name for value in values for name in references(value)]:
        full = name.replace("each", f"{each}.N", 1) if re.match(r"each\b", name) else re.sub(r"\.\d+(?=\.|$)", ".N", name)
        if full not in told:
            problems.append(f"{words[0]} does not tell {full}")
    return problems


def values_of(part):
    if isinstance(part, dict):
        return [value for below in part.values() for value in values_of(below)]
    return [value for below in part for value in values_of(below)] if isinstance(part, list) else [part]


def check_speakers():
    """Cards and examples speak only of stimuli that there are, and of what these tell."""
    known = {one["name"]: one for one in json.loads(subprocess.run([STIMULUS, "list", "--json"], capture_output=True, text=True, check=True).stdout)}
    problems, n = [], 0
    for path in sorted(glob.glob(os.path.join(ROOT, "data/events/*.yaml"))):
        with open(path, encoding="utf-8") as f:
            cards = [card for card in yaml.safe_load_all(f) if card and "stimulus" in card]
        for card in cards:
            for one in card["stimulus"] if isinstance(card["stimulus"], list) else [card["stimulus"]]:
                n += 1
                words = [one["name"], *str(one.get("options", "")).split()]
                values = [one["count"], one.get("least-ns", ""), *one.get("fields", {}).values()]
                problems += [f"{card['name']}: {p}" for p in wrong_references(words, values, known, one.get("each"))]
    tap(n > 50 and not problems, f"the stimuli of {n} cards are there, and tell what the cards say", problems[:8])
    problems, n = [], 0
    for path in sorted(glob.glob(os.path.join(ROOT, "data/corpus/*.yaml"))):
        with open(path, encoding="utf-8") as f:
            for case in [case for case in yaml.safe_load_all(f) if case and "trial" in case]:
                n += 1
                for expect in case["trial"]["expect"]:
                    problems += [f"{os.path.basename(path)}: {p}" for p in
                                 wrong_references(case["trial"]["stimulus"].split(), values_of(expect), known, expect.get("each"))]
    tap(n > 30 and not problems, f"the trials of {n} examples speak of what their stimuli tell", problems[:8])


def check_usage():
    for words, code in ((["nonsense"], 2), (["open", "--count", "x"], 2), (["open", "--count"], 2), (["open", "--no-such", "1"], 2),
                        (["open", "5"], 2), (["open", "--comm", "x" * 16], 2), (["open", "--dir", "tmp"], 2), (["list", "--xml"], 2), ([], 2),
                        (["open", "--dir", "/no/such/dir"], 3), (["open", "--cpu", "1000"], 3), (["open", "--count=3"], 0), (["open", "--help"], 0),
                        (["list"], 0), (["spin", "--ms", "5000", "--timeout", "1"], 1), (["reclaim", "--bytes", "17M"], 3)):
        done = subprocess.run([STIMULUS, *words], capture_output=True, text=True, timeout=60)
        tap(done.returncode == code, f"kgent-stimulus {' '.join(words)} ends with {code}", f"{done.returncode}: {done.stdout[:200]} {done.stderr[:200]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", default="", metavar="TEXT", help="only cases with TEXT in them")
    args = parser.parse_args()
    with open(os.path.join(HERE, "stimuli.yaml"), encoding="utf-8") as f:
        cases = [case for case in yaml.safe_load(f) if args.k in case["run"]]
    if not args.k:
        check_usage()
        check_document()
        check_speakers()
    if os.geteuid() != 0 or not TRACING or not shutil.which("bpftrace"):
        print("skip: the rest needs root, tracefs and bpftrace")
        skip("stimuli under bpftrace", "needs root, tracefs and bpftrace")
        return 0
    if not args.k:
        check_tells()
        check_kills()
    run_cases(cases)
    print(f"1..{N}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
