#!/usr/bin/env python3
"""Print how long kgent's own work takes, beside what one would use instead: bench/run.py BUILD [PART]

PART is one of startup, answer, search, parse, disasm, proofs, pairs, models, memory, sandbox, trials.

Numbers are printed, never asserted. Median and 95th percentile over the repetitions that each row names.
"""
import glob
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
ONLY = sys.argv[2] if len(sys.argv) > 2 else ""
KGENT, INSIDE = os.path.join(BUILD, "kgent"), os.path.join(BUILD, "bench", "kgent-bench")
BPFTRACE = os.environ.get("KGENT_BPFTRACE") or shutil.which("bpftrace")
SENTENCES = ["count system calls by process", "histogram of read latency by process",
             "print the filename and the error of failed openat calls by process"]


def run_once(command, limit=120, stdin=None, good=(0,)):
    """Seconds, peak memory in bytes, standard output; None if it was too slow or its exit code is not one of [good]."""
    with tempfile.TemporaryFile() as out:
        begin = time.perf_counter()
        child = subprocess.Popen(command, stdin=stdin or subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL)
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG if limit else 0)
            if pid:
                break
            if time.perf_counter() - begin > limit:
                child.kill()
                os.wait4(child.pid, 0)
                return None
            time.sleep(0.0002)
        took = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        return None if child.returncode not in good else (took, usage.ru_maxrss * 1024, out.read().decode("utf-8", "replace"))


def times(command, n):
    runs = [run_once(command) for _ in range(n)]
    return None if None in runs else [run[0] for run in runs]


def inside(*args):
    run = run_once([INSIDE, *args])
    return [int(line) / 1e9 for line in run[2].split()] if run else None


def show(seconds):
    return f"{seconds * 1e3:9.2f} ms" if seconds < 1 else f"{seconds:9.2f} s "


def row(what, values):
    if not values:
        print(f"  {what:58} could not be measured here")
        return
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    print(f"  {what:58} {show(statistics.median(ordered))} {show(p95)}  n={len(ordered)}")


def table(title):
    print(f"\n{title:60} {'median':>10} {'p95':>11}")


def bench_startup():
    table("start-up (aim: below 10 ms)")
    row("kgent --version", times([KGENT, "--version"], 100))
    row("bpftrace --version", BPFTRACE and times([BPFTRACE, "--version"], 20))


def bench_answer():
    table("a sentence to its program, new process, warm profile (< 50 ms)")
    run_once([INSIDE, "answer", SENTENCES[0]])  # warms the profile's cache
    for sentence in SENTENCES:
        row(f'"{sentence[:48]}"', times([INSIDE, "answer", sentence], 30))
    row("bpftrace -l", BPFTRACE and times([BPFTRACE, "-l"], 5))


def bench_search():
    functions = inside("functions")
    table(f"probe search over {round(functions[0] * 1e9) if functions else '?'} functions (< 10 ms)")
    row('kgent: "tcp retransmit"', inside("search", "100", "tcp retransmit"))
    row('kgent: "page fault user"', inside("search", "100", "page fault user"))
    row("bpftrace -l '*tcp*retrans*'", BPFTRACE and times([BPFTRACE, "-l", "*tcp*retrans*"], 5))


def one_megabyte():
    """The tools that come with bpftrace, again and again, until 1 MB is full."""
    texts = [open(path, encoding="utf-8").read() for path in sorted(glob.glob("/usr/sbin/*.bt") + glob.glob("/usr/share/bpftrace/tools/*.bt"))]
    texts = [text for text in texts if "#include" not in text and "#ifndef" not in text and "struct" not in text]
    texts = texts or ["kprobe:vfs_read /pid > 1/ { @bytes[comm] = hist(arg2); }\n"]
    size, out = 0, []
    while size < 1 << 20:
        out.append(texts[len(out) % len(texts)])
        size += len(out[-1])
    return "".join(out)


def bench_parse():
    with tempfile.NamedTemporaryFile("w", suffix=".bt") as file:
        file.write(one_megabyte())
        file.flush()
        table("parsing 1 MB of bpftrace (< 100 ms)")
        row("kgent's parser", inside("parse", "20", file.name))
    # bpftrace has no mode that only parses, and takes minutes and gigabytes for 1 MB: so a hundredth of that.
    with tempfile.NamedTemporaryFile("w", suffix=".bt") as file:
        probe = "tracepoint:syscalls:sys_enter_read /pid > 1/ { @bytes[comm] = hist(args->count); }\n"
        file.write(probe * ((1 << 20) // 100 // len(probe)))
        file.flush()
        row("kgent's parser, 10 KB", inside("parse", "20", file.name))
        row("bpftrace -d, 10 KB (parses and compiles)", BPFTRACE and times([BPFTRACE, "-d", file.name], 3))


CORE_OBJECT = """
#define SEC(x) __attribute__((section(x), used))
struct task_struct { int pid; int tgid; } __attribute__((preserve_access_index));
SEC("tp_btf/sched_switch") int f(struct task_struct **ctx) { return ctx[1]->pid + ctx[1]->tgid; }
char _license[] SEC("license") = "GPL";
"""


def bench_disasm():
    table("disassembly")
    with tempfile.TemporaryDirectory() as folder:
        program, source, objfile = (os.path.join(folder, name) for name in ("p.bt", "p.c", "p.o"))
        with open(program, "w", encoding="utf-8") as file:
            file.write("tracepoint:syscalls:sys_enter_openat { @[comm, str(args->filename)] = count(); }\n")
        with open(source, "w", encoding="utf-8") as file:
            file.write(CORE_OBJECT)
        row("kgent disasm, a bpftrace program", times([KGENT, "disasm", program], 5))
        row("bpftrace --emit-elf, the same (compiles it only)",
            BPFTRACE and times([BPFTRACE, "--emit-elf", os.path.join(folder, "p.elf"), program], 5))
        if run_once(["clang", "-O2", "-g", "-target", "bpf", "-c", source, "-o", objfile]) if shutil.which("clang") else None:
            row("kgent disasm, an object of clang, CO-RE applied", times([KGENT, "disasm", objfile], 20))
            row("llvm-objdump -d, the same, nothing applied",
                shutil.which("llvm-objdump") and times(["llvm-objdump", "-d", objfile], 20))


def bench_memory():
    print(f"\n{'peak memory of an answer (< 100 MB)':60}")
    for name, command in (("kgent", [INSIDE, "answer", SENTENCES[0]]), ("bpftrace -l", [BPFTRACE, "-l"] if BPFTRACE else None)):
        run = command and run_once(command)
        print(f"  {name:58} {run[1] / 1e6:9.1f} MB" if run else f"  {name:58} could not be measured here")


def bench_models():
    table("what a model is told (< 30 ms)")
    row("the brief, warm profile", inside("brief", "100", "count file opens by container image"))
    table("three rounds with a model that answers at once (< 1 s)")
    row("kgent's own share: no build, no load", inside("talk", "30"))
    row("bpftrace --version, which one round would start", BPFTRACE and times([BPFTRACE, "--version"], 20))
    grown = inside("growth", "334")
    print(f"\n{'memory over 1,000 rounds (grows by nothing)':60}")
    if grown and len(grown) == 2:
        print(f"  {'after 100 rounds':58} {grown[0] * 1e3:9.1f} MB\n  {'after 1,000 rounds':58} {grown[1] * 1e3:9.1f} MB")
    else:
        print(f"  {'kgent':58} could not be measured here")


NOUNS = """file opens|reads|writes|tcp connections|page faults|context switches|signals|forks|disk requests|retransmits|mmap calls|futex waits
 |name lookups|mounts|timers|interrupts|lock contention|memory allocations|system calls|sleeps""".replace("\n", "").split("|")
WAYS = """count {}|histogram of {} latency|print {}|which process causes the most {}|{} per second|how long do {} take|average size of {}|who is behind {}
 |trace failed {}|top 10 {}""".replace("\n", "").split("|")
KEYS = "by process|by user|by cpu|by file name|for nginx|for postgres|of pid 4711|every 5 seconds|slower than 10 ms|in a container".split("|")


def fill_memory(path, n):
    """n different pairs, made of the words of this field."""
    dice = random.Random(1)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for i in range(n):
            ask = f"{dice.choice(WAYS).format(dice.choice(NOUNS).strip())} {dice.choice(KEYS)} {dice.choice(KEYS)}".strip()
            file.write(json.dumps({"request": ask, "bpf": f"tracepoint:x:y{i % 500} /pid == {i}/ {{ @[comm] = count(); }}"}) + "\n")
        file.flush()
        return run_once([KGENT, "memory", "import", file.name], limit=600)


def proof_cases():
    os.environ.setdefault("KGENT_DATA", os.path.join(ROOT, "data"))
    sys.path.insert(0, os.path.join(ROOT, "tests", "proofs"))
    import cases  # pylint: disable=import-outside-toplevel
    return [c for c in cases.all_cases() if not c.skip and not c.is_c and os.path.exists(c.program)]


PROVED_OR_NOT = (0, 4)  # exit codes of kgent check: what is refuted is measured too


def measure_proof(case):
    """The proof of kgent check --json, seconds of the whole command, and seconds that the kernel's load calls take, each or None."""
    run = run_once([KGENT, "check", case.program, "--contract", case.contract, "--json", "--no-load"], limit=120, good=PROVED_OR_NOT)
    proof = json.loads(run[2]).get("proof") if run and run[2] else None
    compiled_and_verified = inside("verify", case.program) or []
    return proof, run and run[0], compiled_and_verified[:1], compiled_and_verified[1:]


def bench_proofs():
    """Each case's proof, and beside it the kernel's own verifier on the same object."""
    proofs, executing, solver, whole, peaks, builds, loads, ratios, missing = [], [], [], [], [], [], [], [], []
    for case in proof_cases():
        proof, took, compiled, verified = measure_proof(case)
        if not proof:
            missing.append(case.name)
            continue
        proofs.append((proof["took_ns"] / 1e9, case.name))
        solver.append(proof["solver_ns"] / 1e9)
        executing.append(proofs[-1][0] - solver[-1])
        peaks.append((proof["peak_bytes"], case.name))
        whole.append(took)
        builds += compiled
        loads += verified
        ratios += [proofs[-1][0] / seconds for seconds in verified]
    table("proofs of all cases of tests/golden/proofs (median < 100 ms, p95 < 1 s, none > 10 s)")
    row("compiling, by bpftrace", builds)
    row("the proof", [seconds for seconds, _ in proofs])
    row("... of it executing symbolically", executing)
    row("... of it the solver", solver)
    row("kgent check --contract, all of it", whole)
    row("the kernel's own verifier: load calls of the same objects", loads)
    if not proofs:
        return
    if ratios:
        print(f"  {'a proof is so many times as long as they are (median)':58} {statistics.median(ratios):9.1f}")
    longest, biggest = max(proofs), max(peaks)
    print(f"  {'the longest proof':58} {show(longest[0])}  {longest[1]}")
    print(f"  {'peak memory of a proof (< 500 MB)':58} {biggest[0] / 1e6:9.1f} MB  {biggest[1]}")
    if missing:
        print(f"  no proof of {len(missing)} that can't be compiled here: {', '.join(missing)}")


def bench_pairs():
    sentence = "how long do tcp connections take to be established, by process"
    with tempfile.TemporaryDirectory() as folder:
        for n, aim in ((10000, 10), (100000, 50)):
            os.environ["KGENT_MEMORY"] = os.path.join(folder, f"{n}.db")
            filled = fill_memory(os.environ["KGENT_MEMORY"], n)
            table(f"memory of {n} pairs: a search (< {aim} ms)")
            if not filled:
                print("  it could not be filled")
                continue
            row("both rankings", inside("memory", "30", sentence))
            row("words that all have: \"count reads by process\"", inside("memory", "30", "count reads by process"))
            row("new process: kgent memory search", times([KGENT, "memory", "search", sentence], 10))
            export = os.path.join(folder, "export")
            with open(export, "w", encoding="utf-8") as out:
                subprocess.run([KGENT, "memory", "export"], stdout=out, check=True)
            row("grep -i of four words in the same pairs", times(["grep", "-ciE", "long|tcp|connections|established", export], 10))
            row(f"importing {n} pairs", [filled[0]])
        os.environ["KGENT_MEMORY"] = os.path.join(folder, "small.db")
        table("memory of the shipped examples")
        row("opening, the first time", inside("open", "1"))
        row("opening", inside("open", "30"))
        grown = inside("rounds", "1000")
        print(f"  {'main memory after 100 rounds, and grown by in 900 more':58} "
              + (f"{grown[0] * 1e9 / 1e6:9.1f} MB {grown[1] * 1e9 / 1e6:8.2f} MB" if grown else "could not be measured here"))
        del os.environ["KGENT_MEMORY"]


KERNELS = ["6.1", "6.12"]


def sandbox(how, kernel, n):
    """The sandbox's own measurements, n times."""
    runs = [run_once([os.path.join(BUILD, "bench", "kgent-bench-sandbox"), "open", how, kernel]) for _ in range(n)]
    return [json.loads(run[2]) for run in runs if run]


def size_on_disk(*paths):
    return sum(os.stat(path).st_blocks * 512 for path in paths)


def fleet_programs(folder):
    for n in range(20):
        path = os.path.join(folder, f"p{n}.bt")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"kprobe:tcp_connect {{ @[comm, {n}] = count(); }}\n")
        yield path


def bench_sandbox():
    # kernels of their own, kept in the build directory between runs
    os.environ["XDG_CACHE_HOME"] = cache = os.path.join(BUILD, "bench", "cache")
    os.makedirs(cache, exist_ok=True)
    for kernel in KERNELS:
        if run_once([KGENT, "kernel", "show", kernel]) is None and run_once([KGENT, "kernel", "add", kernel, "--name", kernel], 600) is None:
            print(f"\nsandboxes could not be measured here: kgent kernel add {kernel} fails")
            return
    for kernel in KERNELS:
        sandbox("restore", kernel, 1)  # has a state, and it is in the page cache
        booted, restored = sandbox("boot", kernel, 3), sandbox("restore", kernel, 10)
        if not booted or not restored:
            print(f"\n{kernel} could not be measured here")
            continue
        table(f"a sandbox with Linux {kernel}, {'KVM' if restored[0]['kvm'] else 'emulated'} (restore < 0.5 s; + 2 s, or 0.5 s with KVM)")
        row("restored from the saved state, until the guest answers", [run["open"] for run in restored])
        row("... until a kprobe program's first line is here", [run["output"] for run in restored])
        row("booted each time, until the guest answers", [run["open"] for run in booted])
        row("... until a kprobe program's first line is here", [run["output"] for run in booted])
        last = restored[-1]
        home = os.path.join(cache, "kgent")
        state = glob.glob(f"{home}/kernels/{kernel}/state-*/*")
        print(f"  memory: QEMU {last['rss'] / 1e6:.0f} MB, of it its own {last['private'] / 1e6:.0f} MB; used in the guest {last['guest'] / 1e6:.0f} MB")
        print(f"  on disk: state {size_on_disk(*state) / 1e6:.0f} MB, shared file system {size_on_disk(*glob.glob(home + '/sandbox/*.cpio')) / 1e6:.0f} MB")
    table("20 programs checked on 2 kernels, each with kgent check")
    with tempfile.TemporaryDirectory() as folder:
        runs = times([KGENT, "check", next(fleet_programs(folder)), "--kernel", KERNELS[0], "--kernel", KERNELS[1]], 1)
        begin = time.perf_counter()
        for path in fleet_programs(folder):
            run_once([KGENT, "check", path, "--kernel", KERNELS[0], "--kernel", KERNELS[1]])
        row("one program on both", runs)
        row("all 20 on both", [time.perf_counter() - begin])


def bench_trials():
    """A trial on the running kernel beside the same by hand, and in a sandbox."""
    table("a trial of a program with one tracepoint")
    stimulus = os.path.join(BUILD, "kgent-stimulus")
    with tempfile.TemporaryDirectory() as folder:
        program, expect = os.path.join(folder, "opens.bt"), os.path.join(folder, "opens.yaml")
        with open(program, "w", encoding="utf-8") as file:
            file.write("tracepoint:syscalls:sys_enter_openat { @opens[comm] = count(); }\n")
        with open(expect, "w", encoding="utf-8") as file:
            file.write("stimulus: open --count 20\nexpect:\n  - {row: [$comm], is: $open.count}\n")
        row("kgent-stimulus open: the events themselves", times([stimulus, "open", "--count", "20"], 20))
        row("kgent trial on the running kernel, with all checks", times([KGENT, "trial", program, "--expect", expect], 5))
        row("by hand: bpftrace -c \"kgent-stimulus open\"", BPFTRACE and times([BPFTRACE, program, "-c", f"{stimulus} open --count 20"], 5))
        for kernel in KERNELS:
            row(f"kgent trial in a sandbox with Linux {kernel}", times([KGENT, "trial", program, "--expect", expect, "--kernel", kernel], 3))


def main():
    subprocess.run(["ninja", "-C", BUILD, "bench/kgent-bench", "bench/kgent-bench-sandbox"], check=True, stdout=subprocess.DEVNULL)
    for bench in (bench_startup, bench_answer, bench_search, bench_parse, bench_disasm, bench_proofs, bench_pairs, bench_models, bench_memory, bench_sandbox,
                  bench_trials):
        if not ONLY or ONLY in bench.__name__:
            bench()


if __name__ == "__main__":
    main()
