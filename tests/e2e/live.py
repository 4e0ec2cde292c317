#!/usr/bin/env python3
"""Are kgent's numbers right on the running kernel? Each case of live.yaml is a sentence, a stimulus that makes an exactly known
number of events (stimulus.c), and what the answer then has to say.

    live.py [--oracle] [-k TEXT] [-v]      KGENT and STIMULUS in the environment name the programs

With --oracle kgent is left out: the bpftrace program that stands beside a case, written by hand, must meet the same
expectation. So it is known that it is the stimulus and the expectation that are right, and that a failure is kgent's.

Prints TAP. A case is skipped, with the reason, where the machine lacks what it needs.
"""
import argparse
import errno
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
KGENT = os.environ.get("KGENT", "kgent")
STIMULUS = os.path.abspath(os.environ.get("STIMULUS", "stimulus"))
TRACING = next((d for d in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing") if os.path.isdir(d + "/events")), None)
PATIENCE_S = 60
# What live.yaml calls kgstim. Every run has a name of its own, so that another run at the same time is not counted.
NAME = f"kgs{os.getpid() % 100000}"


class Failure(Exception):
    pass


# ---------------------------------------------------------------- what is observed: rows and lines

class Seen:
    """What a program has shown: rows of maps as they were at the end and as they came, and printed lines."""

    def __init__(self):
        self.maps = {}      # name -> {key tuple: value}, the last one printed
        self.all_rows = []  # (name, key tuple, value) of every printing, for rates
        self.text = ""      # printed lines, and those whose fields are known one by one
        self.parts = []

    def table(self, name, rows):
        self.maps[name] = dict(rows)
        self.all_rows += [(name, key, value) for key, value in rows]

    def rows(self):
        return [(key, value) for rows in self.maps.values() for key, value in rows.items()]

    def lines(self):
        """The words of each printed line."""
        return self.parts + [re.split(r"[\s,=:]+", line.strip()) for line in self.text.splitlines()]


NS = {"us": 1000, "ms": 1000000}


def shown_as(part, unit):
    """Errors are numbers in JSON; expectations have their names."""
    return errno.errorcode.get(part, str(part)) if unit == "errno" else str(part)


def scaled(row, scale):
    """A row's value with spans of time in nanoseconds: a number, a list of buckets, or count, average and total."""
    if "buckets" in row:
        # a bucket of microseconds up to 3 holds what is below 4000 ns
        return [dict(bucket, **({"min": bucket["min"] * scale} if "min" in bucket else {}),
                     **({"max": (bucket["max"] + 1) * scale - 1} if "max" in bucket else {})) for bucket in row["buckets"]]
    if "average" in row:
        return {"count": row["count"], "average": row["average"] * scale, "total": row["total"] * scale}
    return row["value"] * scale if isinstance(row["value"], int) else row["value"]


def from_kgent(seen, event):
    """One line of kgent --json: see docs/json.md."""
    kind = event.get("type")
    if kind == "printf":
        if "fields" in event:
            seen.parts.append([shown_as(value, "errno" if name == "error" else None) for name, value in event["fields"].items()])
        else:
            seen.text += event["text"]
    elif kind in ("map", "hist", "stats"):
        scale = NS.get(event.get("unit"), 1)
        seen.table(event["name"], [(tuple(shown_as(part, unit) for part, unit in zip(row["key"], event["key_units"])),
                                    scaled(row, scale)) for row in event["rows"]])
    elif kind in ("lost", "truncated"):
        raise Failure(f"{event} although there was so little")


def from_bpftrace(seen, event):
    """One line of bpftrace -f json."""
    kind, data = event.get("type"), event.get("data")
    if kind == "printf":
        seen.text += data
    elif kind in ("map", "hist", "stats"):
        for name, rows in data.items():
            plain = not isinstance(rows, dict) or (kind == "stats" and "count" in rows)
            rows = {"": rows} if plain else rows
            seen.table(name, [(tuple(key.split(",")) if key else (), value) for key, value in rows.items()])


def number(value):
    """What a row says, as one number: a histogram's is how many values it holds, that of stats their count."""
    if isinstance(value, list):
        return sum(bucket["count"] for bucket in value)
    if isinstance(value, dict):
        return value["count"] if "count" in value else sum(value.values())
    if isinstance(value, str):
        raise Failure(f"a number was expected, not {value!r}")
    return value


# ---------------------------------------------------------------- what is expected

def truth(name, truths):
    """A number, or the name of one that the stimulus has reported: "openat", "usage.cpu_us", "1.write" (of the second stimulus).
    Spans of time become nanoseconds."""
    if not isinstance(name, str) or re.fullmatch(r"-?\d+", name):
        return int(name)
    which, _, rest = name.partition(".")
    report = truths[int(which)] if which.isdigit() else truths[0]
    name = rest if which.isdigit() else name
    value = report["usage"][name[6:]] if name.startswith("usage.") else report["did"][name]
    return value * {"_us": 1000, "_ms": 1000000}.get(name[-3:], 1)


def fill(words, truths):
    """Values for $pid, $port ... in expected keys."""
    def one(match):
        name = match[1]
        return str(truths[0][name] if name in ("pid", "uid", "comm") else truth(name, truths))
    return [re.sub(r"\$(\w+)", one, str(word)) for word in words]


def holds(key, words):
    """Are all words parts of the key (in any order, each as often as it is asked for)?"""
    parts = list(key)
    for word in words:
        if word not in parts:
            return False
        parts.remove(word)
    return True


def compare(what, got, want, truths):
    slack = truth(want.get("slack", 0), truths)
    for word, test in (("is", lambda x: abs(got - x) <= slack), ("at_least", lambda x: got >= x),
                       ("at_most", lambda x: got <= x)):
        if word in want and not test(truth(want[word], truths)):
            raise Failure(f"{what} is {got}, wanted {word.replace('_', ' ')} {truth(want[word], truths)}")


def check_buckets(what, value, want, truths):
    """All values of the histogram lie in buckets that overlap [from, to]."""
    low, high = truth(want["from"], truths), truth(want["to"], truths)
    for bucket in value:
        if bucket["count"] and (bucket.get("max", high) < low or bucket.get("min", low) > high):
            raise Failure(f"{what} has {bucket['count']} values between {bucket.get('min')} and {bucket.get('max')}, "
                          f"wanted all between {low} and {high}")


def check(seen, want, truths):
    if "row" in want:
        words = fill(want["row"], truths)
        found = [(key, value) for key, value in seen.rows() if holds(key, words)]
        if not found:
            raise Failure(f"no row {words} among {[key for key, _ in seen.rows()][:12]}")
        if len(found) > 1 and not want.get("several"):
            raise Failure(f"{len(found)} rows {words}: {[key for key, _ in found][:5]}")
        field = want.get("field")
        values = [value[field] if field else number(value) for _, value in found]
        compare(f"row {words}", sum(values), want, truths)
        if "from" in want:
            check_buckets(f"row {words}", found[0][1], want, truths)
    elif "over_time" in want:
        words = fill(want["over_time"], truths)
        values = [number(value) for _, key, value in seen.all_rows if holds(key, words)]
        compare(f"the sum of all rows {words}", sum(values), want, truths)
    elif "no_row" in want:
        words = fill(want["no_row"], truths)
        if any(holds(key, words) for key, _ in seen.rows()):
            raise Failure(f"there is a row {words}")
    elif "only" in want:
        words = fill(want["only"], truths)
        others = [key for key, _ in seen.rows() if not holds(key, words)]
        if others:
            raise Failure(f"rows without {words}: {others[:5]}")
    elif "rows_at_most" in want:
        n = max([len(rows) for rows in seen.maps.values()], default=0)
        if n > want["rows_at_most"]:
            raise Failure(f"{n} rows, wanted at most {want['rows_at_most']}")
    elif "lines" in want:
        words = fill(want["lines"], truths)
        n = sum(1 for line in seen.lines() if holds(line, words))
        compare(f"the number of lines with {words}", n, want, truths)
    else:
        raise Failure(f"not an expectation: {want}")


# ---------------------------------------------------------------- running

def renamed(part):
    """The case with kgstim, kgstim-slow ... as they are called in this run; the file /kgstim-missing keeps its name."""
    if isinstance(part, dict):
        return {key: renamed(value) for key, value in part.items()}
    if isinstance(part, list):
        return [renamed(value) for value in part]
    return re.sub(r"\bkgstim\b(?!-missing)", NAME, part) if isinstance(part, str) else part


def stimuli(case):
    given = case.get("stimulus", [])
    return [command if "--comm" in command else f"--comm {NAME} {command}"
            for command in ([given] if isinstance(given, str) else given)]


def stimulate(case):
    truths = []
    for command in stimuli(case):
        done = subprocess.run([STIMULUS] + command.split(), capture_output=True, text=True, timeout=PATIENCE_S)
        if done.returncode:
            raise Failure(f"stimulus {command}: {done.stderr.strip()}")
        truths.append(json.loads(done.stdout))
    return truths


def watch(pipe, sink, attached):
    for raw in pipe:
        line = raw.decode("utf-8", "replace")
        sink.append(line)
        if '"attached"' in line or '"attached_probes"' in line:
            attached.set()
    attached.set()


def observe(command, case):
    """Run the command, make the events when it says that it is attached, stop it. Returns its output lines, exit code, truths."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines, errors, attached = [], [], threading.Event()
    readers = [threading.Thread(target=watch, args=(child.stdout, lines, attached)),
               threading.Thread(target=lambda: errors.extend(child.stderr))]
    for reader in readers:
        reader.start()
    try:
        attached.wait(PATIENCE_S)
        truths = []
        if child.poll() is None:
            truths = stimulate(case)
            time.sleep(case.get("after_s", 0.3))
        if case.get("stop", True) and child.poll() is None:
            child.send_signal(signal.SIGINT)
        child.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise Failure("it did not end") from None
    finally:
        if child.poll() is None:
            child.kill()
        for reader in readers:
            reader.join()
    stderr = b"".join(errors).decode("utf-8", "replace")
    return lines, child.returncode, truths, stderr


def objects(lines):
    for line in lines:
        try:
            got = json.loads(line)
        except ValueError:
            continue
        if isinstance(got, dict):
            yield got


def run_kgent(case, verbose):
    want_exit = case.get("exit", 0)
    command = [KGENT, "--json", "--yes", "--for", case.get("for", "60s"), case["ask"]]
    lines, code, truths, stderr = observe(command, case)
    if verbose:
        print("".join("# " + line for line in lines), end="")
    if code != want_exit:
        tail = [line for line in stderr.strip().splitlines() if line.strip()][-3:]
        raise Failure(f"exit code {code}, wanted {want_exit}: {' / '.join(tail)}")
    if want_exit == 0 and len(truths) != len(stimuli(case)):
        raise Failure("it ended before the events were made")
    seen = Seen()
    for event in objects(lines):
        from_kgent(seen, event)
    if want_exit and (seen.maps or seen.lines()):
        raise Failure("it was refused, and yet something ran")
    return seen, truths


def run_oracle(case, verbose):
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as script:
        script.write("".join(f"{STIMULUS} {command}\n" for command in stimuli(case)))
        script.flush()
        done = subprocess.run(["bpftrace", "-f", "json", "-e", case["bpftrace"], "-c", f"/bin/sh {script.name}"],
                              capture_output=True, text=True, timeout=PATIENCE_S, errors="replace")
    if verbose:
        print("".join("# " + line + "\n" for line in done.stdout.splitlines()), end="")
    if done.returncode:
        raise Failure(done.stderr.strip().splitlines()[-1])
    seen, truths = Seen(), []
    for event in objects(done.stdout.splitlines()):
        if "did" in event:
            truths.append(event)
        else:
            from_bpftrace(seen, event)
    if len(truths) != len(stimuli(case)):
        raise Failure("the stimulus did not report")
    return seen, truths


def missing(case, oracle):
    """Why the case cannot run here, or None."""
    if case.get("exit"):
        return "kgent only" if oracle else None
    if os.geteuid() != 0:
        return "needs root"
    if not shutil.which("bpftrace"):
        return "needs bpftrace"
    for need in case.get("needs", []):
        if need == "kprobes":
            if not os.path.exists("/sys/bus/event_source/devices/kprobe"):
                return "the kernel has no kprobes"
        elif need == "ipv6":
            if not os.path.exists("/proc/net/if_inet6"):
                return "no IPv6"
        elif not TRACING:
            return "tracefs is not mounted"
        elif not os.path.isdir(f"{TRACING}/events/{need.replace(':', '/')}"):
            return f"no tracepoint {need}"
    if oracle and "bpftrace" not in case:
        return "no bpftrace program beside it"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--oracle", action="store_true")
    parser.add_argument("-k", default="", metavar="TEXT", help="only cases with TEXT in their sentence")
    parser.add_argument("-v", action="store_true", help="show what came")
    args = parser.parse_args()
    with open(os.path.join(HERE, "live.yaml"), encoding="utf-8") as f:
        cases = [case for case in yaml.safe_load(f) if args.k in case["ask"]]
    for name, program in (("STIMULUS", STIMULUS),) + (() if args.oracle else (("KGENT", KGENT),)):
        if not shutil.which(program):
            parser.error(f"{name}={program}: there is no such program")
    failed = 0
    print(f"1..{len(cases)}", flush=True)
    for n, case in enumerate(cases, 1):
        name = f"{n} - {case['ask']}".replace("#", "")
        case = renamed(case)
        reason = missing(case, args.oracle)
        if reason:
            print(f"ok {name} # SKIP {reason}", flush=True)
            continue
        try:
            seen, truths = (run_oracle if args.oracle else run_kgent)(case, args.v)
            for want in case.get("expect", []):
                check(seen, want, truths)
            print(f"ok {name}", flush=True)
        except Failure as why:
            failed += 1
            print(f"not ok {name}\n# {why}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
