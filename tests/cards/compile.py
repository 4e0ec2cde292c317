#!/usr/bin/env python3
"""Does the installed bpftrace compile every expression of every event card?

    compile.py CARDS-JSON EVENTS-DIR [-v] [--profile DIR] [CARD...]

For each way of each card a small program is made that uses everything the way has: the lets, `when`, `ok`, the key and every case
and `valid` of every field. A field name or a type that is wrong in the data is a bpftrace error, and a failing test. Programs
are compiled in batches and a batch that fails is halved until the culprit stands alone.

Functions' arguments are held against BTF besides, by name, position and width, since the compiler takes any of them.

With --profile (a folder, or a .tar.xz of it) it is the kernel of that profile: tracepoints' fields are held against its formats, and
functions' ways are checked and compiled against its BTF.

What this kernel does not have (a tracepoint of another version, a function that is not in its BTF, a program that is not
installed) can't be compiled here; such sites are listed with the reason and are not counted as right. Exit status: 0 all
compile, 1 some do not, 77 bpftrace or its privileges are missing.
"""
import collections
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from btf import Btf

KERNEL_FUNCTIONS = ("kfunc", "kretfunc", "kprobe", "kretprobe")
TRACEFS = next((d for d in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing") if os.path.isdir(d + "/events")), None)


PROFILE = None  # a profile's folder, or None for the running kernel


def profile_formats():
    """{"system:name": text} of the profile's tracepoints."""
    if not hasattr(profile_formats, "known"):
        with open(PROFILE + "/formats", encoding="utf-8") as f:
            parts = re.split(r"^@ (\S+)\n", f.read(), flags=re.M)[1:]
        profile_formats.known = dict(zip(parts[::2], parts[1::2]))
    return profile_formats.known


def tracepoint_format(target):
    if PROFILE:
        return profile_formats().get(target)
    try:
        with open(f"{TRACEFS}/events/{target.replace(':', '/')}/format", encoding="utf-8") as f:
            return f.read()
    except OSError:
        return None


def tracepoint_fields(target):
    """{name: type} of a tracepoint, or None where it does not exist here."""
    text = tracepoint_format(target)
    if text is None:
        return None
    declared = re.findall(r"field:([^;]*);", text)
    fields = {}
    for text in declared:
        m = re.fullmatch(r"(.*?)\s*(\w+)(\[[^]]*\])?", text)
        fields[m[2]] = m[1] + (m[3] or "")
    return fields


def expressions(site):
    yield from (e for _, e in site["lets"])
    yield from (site[k] for k in ("when", "ok", "key") if site[k])
    for read in site["exprs"].values():
        if read["valid"]:
            yield read["valid"]
        for case in read["cases"]:
            yield case["expr"]
            if case["when"]:
                yield case["when"]


def missing(at, site):
    """Why this kernel can't even compile a probe at this point, or None."""
    kind, _, target = at.partition(":")
    if kind == "tracepoint":
        fields = tracepoint_fields(target)
        if fields is None:
            return "no such tracepoint here"
        for e in expressions(site):
            for name in re.findall(r"\bargs->(\w+)", e):
                if name not in fields:
                    return f"no field {name} here"
    elif kind in ("kfunc", "kretfunc", "kprobe", "kretprobe"):
        if not btf() or target not in btf().functions:
            return "not a function of this kernel's BTF"
    elif kind in ("uprobe", "uretprobe", "usdt"):
        path = target.split(":")[0]
        if not os.path.isfile(path):
            return "program not installed"
        if kind == "usdt":
            found = subprocess.run(["bpftrace", "-l", at], capture_output=True, text=True, check=False).stdout
            return None if ":" in found else "no such USDT probe in it"
    return None


def btf():
    """The kernel's BTF, read once; None where it has none."""
    if not hasattr(btf, "known"):
        try:
            btf.known = Btf(PROFILE + "/btf") if PROFILE else Btf()
        except OSError:
            btf.known = None
    return btf.known


def misfit(cast, described):
    """Does a value of this BTF type read wrongly as `cast`? bpftrace's registers are 64 bits wide, so widths matter."""
    name, size, is_pointer = described
    if cast.endswith("*"):
        return not is_pointer or cast.replace(" ", "") not in (name.replace(" ", ""), "void*")
    return is_pointer and cast not in ("uint64", "int64") or size * 8 != int(re.sub(r"\D", "", cast) or 8)


def signature_errors(at, site):
    """What the site's lets say of a kernel function's arguments, held against BTF."""
    kind, _, target = at.partition(":")
    args, ret = btf().signature(target)
    for name, e in site["lets"]:
        m = re.fullmatch(r"\(([^)]*)\)arg(\d+)", e)
        if m and (int(m[2]) >= len(args) or args[int(m[2])][0] != name):
            yield f"{at}: arg{m[2]} is not {name}, the arguments are {', '.join(a for a, _ in args)}"
        elif m and misfit(m[1], args[int(m[2])][1]):
            yield f"{at}: {name} is {args[int(m[2])][1][0]}, not {m[1]}"
        m = re.fullmatch(r"\(([^)]*)\)retval", e)
        if m and misfit(m[1], ret):
            yield f"{at}: it returns {ret[0]}, not {m[1]}"
    if kind in ("kfunc", "kretfunc"):
        known = [a for a, _ in args]
        for e in expressions(site):
            for name in re.findall(r"\bargs->(\w+)", e):
                if name not in known:
                    yield f"{at}: no argument {name}, the arguments are {', '.join(known)}"


def settle(text, fields):
    """text(args->F): str() around it or not, as the field's type wants it."""
    def one(m):
        kind = (fields or {}).get(m[1], "")
        return f"str(args->{m[1]})" if "__data_loc" in kind or "*" in kind else f"args->{m[1]}"
    return re.sub(r"text\(args->(\w+)\)", one, text)


def program(site, uid):
    """A probe that uses everything the site has."""
    kind, _, target = site["at"][0].partition(":")
    fields = tracepoint_fields(target) if kind == "tracepoint" else None
    out = [",\n".join(site["at"]) + " {"]
    for name, e in site["lets"]:
        out.append(f"\t${name} = {e};")
    for what in ("when", "ok"):
        if site[what]:
            out.append(f"\tif ({site[what]}) {{ @{uid}_{what} = 1; }}")
    if site["key"]:
        out.append(f"\t@{uid}_key[{site['key']}] = nsecs;")
    for field, read in site["exprs"].items():
        for i, case in enumerate(read["cases"]):
            store = f"@{uid}_{field}_{i} = {case['expr']};"
            if case["expr"].startswith("join("):  # prints, and is no value
                store = case["expr"] + ";"
            for cond in (case["when"], read["valid"]):
                store = f"if ({cond}) {{ {store} }}" if cond else store
            out.append("\t" + store)
    return settle("\n".join(out + ["}"]), fields)


def environment():
    env = dict(os.environ, BPFTRACE_MAX_PROBES="4096")
    return dict(env, BPFTRACE_BTF=PROFILE + "/btf") if PROFILE else env


def compiles(programs):
    """None, or what bpftrace says."""
    with tempfile.TemporaryDirectory() as d:
        source = os.path.join(d, "p.bt")
        with open(source, "w", encoding="utf-8") as f:
            f.write("\n".join(programs))
        elf = os.path.join(d, "p.o")
        run = subprocess.run(["bpftrace", "--emit-elf", elf, source], capture_output=True, text=True, check=False,
                             stdin=subprocess.DEVNULL, env=environment())
        if run.returncode == 0 and os.path.exists(elf):
            return None
        said = [l for l in run.stderr.splitlines() if "RLIMIT_MEMLOCK" not in l and "WARNING" not in l]
        return "\n".join(l for l in said if "ERROR" in l or "error" in l) or "\n".join(said) or "no object"


def can_compile(at):
    """bpftrace compiles fentry probes only where it can see which functions can be traced."""
    if not at.startswith(("kfunc:", "kretfunc:")):
        return not PROFILE or at.startswith(("kprobe:", "kretprobe:"))
    if PROFILE:
        return False
    if not hasattr(can_compile, "fentry"):
        can_compile.fentry = compiles(["kfunc:vfs_read { exit(); }"]) is None
    return can_compile.fentry


def culprits(items):
    """The (name, program, error) of items = [(name, program)] that do not compile."""
    error = compiles([p for _, p in items])
    if error is None:
        return []
    if len(items) == 1:
        return [(*items[0], error)]
    half = len(items) // 2
    bad = culprits(items[:half]) + culprits(items[half:])
    return bad or [("+".join(n for n, _ in items), "", "only together: " + error)]


def with_binary(way):
    """The way with $binary replaced by the first file that is there; the candidate's own name else."""
    found = [p for pattern in way["binaries"] for p in sorted(glob.glob(pattern))]
    if not way["binaries"]:
        return way
    return json.loads(json.dumps(way).replace("$binary", (found or way["binaries"])[0]))


def collect(cards):
    items, absent, errors = [], collections.defaultdict(list), []
    for card in cards:
        for i, way in enumerate(card["ways"]):
            way = with_binary(way)
            for edge in ("begins", "sites"):
                for j, site in enumerate(way[edge]):
                    why = {at: missing(at, site) for at in site["at"]}
                    here = [at for at in site["at"] if not why[at]]
                    name = f"{card['name']} way {i + 1} {edge[:-1]} {j + 1}"
                    for at in site["at"]:
                        if why[at]:
                            absent[card["name"]].append(f"{name}: {at}: {why[at]}")
                    for at in here:
                        if at.split(":")[0] in KERNEL_FUNCTIONS:
                            errors += [(name, "", said) for said in signature_errors(at, site)]
                    here = [at for at in here if can_compile(at)]
                    if here:
                        uid = f"{card['name'].replace('-', '_')}_{i}{edge[0]}{j}"
                        items.append((name, program(dict(site, at=here), uid)))
    return items, absent, errors


def present(cards):
    """Names of the cards of which at least one way is wholly on the profile's kernel."""
    def is_here(way):
        sites = with_binary(way)["begins"] + with_binary(way)["sites"]
        return all(any(not missing(at, s) for at in s["at"]) and
                   all(not missing(at, s) for at in s["at"] if at not in s["optional"]) for s in sites)
    return {c["name"] for c in cards if any(is_here(w) for w in c["ways"])}


def open_profile(path, tmp):
    if os.path.isdir(path):
        return path
    subprocess.run(["tar", "-xJf", path, "-C", tmp], check=True)
    return tmp


def main():
    global PROFILE
    args = [a for a in sys.argv[1:] if a != "-v"]
    if not shutil.which("bpftrace") or not TRACEFS or compiles(["BEGIN { exit(); }"]):
        print("skipped: bpftrace can't compile here (not installed, tracefs not mounted or not readable)")
        return 77
    cards = json.loads(subprocess.run(args[:2], capture_output=True, text=True, check=True).stdout)
    with tempfile.TemporaryDirectory() as tmp:
        if "--profile" in args:
            at = args.index("--profile")
            PROFILE = open_profile(args[at + 1], tmp)
            del args[at:at + 2]
        return report([c for c in cards if not args[2:] or c["name"] in args[2:]])


def report(cards):
    items, absent, bad = collect(cards)
    for start in range(0, len(items), 24):
        bad += culprits(items[start:start + 24])
    for name, text, error in bad:
        print(f"FAIL {name}\n{text}\n{error}\n")
    seen = present(cards) if PROFILE else {name.split(" way ")[0] for name, _ in items}
    for card, whys in absent.items():
        if "-v" in sys.argv or card not in seen:
            print(f"not here: {card}:\n  " + "\n  ".join(whys))
    unseen = [c["name"] for c in cards if c["name"] not in seen]
    for card in unseen:
        print(f"skip: {card}: nothing of it is on this kernel")
    print(f"{len(cards)} cards, {len(items)} sites")
    print(f"{len(items) - len(bad)} passed, {len(bad)} failed, {len(unseen)} skipped")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
