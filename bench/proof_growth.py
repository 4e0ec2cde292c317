#!/usr/bin/env python3
"""How the time of a proof grows with a program's branches and with its iterations: a table, and a plot where gnuplot is installed.

    bench/proof_growth.py BUILD [FILE.svg]
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(sys.argv[1])
SVG = sys.argv[2] if len(sys.argv) > 2 else None
CONTRACT = "on: [tracepoint:syscalls:sys_exit_read]\nshow: [{what: process id, expr: pid}]\n"
PROBE = "tracepoint:syscalls:sys_exit_read\n{\n%s\tprintf(\"%%d\\n\", pid);\n}\n"


def ordered_branches(n):
    """On one value: n + 1 ways through the program."""
    return PROBE % "".join(f"\tif (args->ret > {i * 100}) {{ @b{i} = {i}; }}\n" for i in range(n))


def independent_branches(n):
    """On values that have nothing to do with each other: 2^n ways, and all are walked."""
    return PROBE % "".join(f"\tif (args->ret & {1 << i}) {{ @b{i} = {i}; }}\n" for i in range(n))


def computing_branches(n):
    """Independent ones that only choose a value: one way."""
    return PROBE % ("\t$x = 0;\n" + "".join(f"\t$x += args->ret & {1 << i} ? {i * 3} : {i + 7};\n" for i in range(n)) + "\t@x = $x;\n")


def unrolled(n):
    return PROBE % f"\t$x = args->ret;\n\tunroll({n}) {{ $x = $x * 3 + 1; }}\n\t@x = $x;\n"


def turns(n):
    """A loop that ends after 0 to n turns, as the event says."""
    return PROBE % f"\t$i = 0;\n\twhile ($i < args->ret && $i < {n}) {{ $i++; }}\n\t@x = $i;\n"


SERIES = (("branches on one value", ordered_branches, (1, 2, 4, 8, 16, 24, 32)),
          ("independent branches that show", independent_branches, (1, 2, 4, 6, 8, 10, 11)),
          ("independent branches that compute", computing_branches, (1, 2, 4, 8, 12)),
          ("unrolled iterations", unrolled, (1, 2, 4, 8, 16, 20)),
          ("turns of a loop", turns, (1, 2, 4, 8, 16, 32, 60)))


def proof_ms(program, folder):
    """The shortest of three proofs, since other work on the machine only adds."""
    return min(one_proof(program, folder) for _ in range(3))


def one_proof(program, folder):
    text, contract = os.path.join(folder, "p.bt"), os.path.join(folder, "c.yaml")
    with open(text, "w", encoding="utf-8") as file:
        file.write(program)
    with open(contract, "w", encoding="utf-8") as file:
        file.write(CONTRACT)
    answer = subprocess.run([os.path.join(BUILD, "kgent"), "check", text, "--contract", contract, "--json", "--no-load"], capture_output=True, text=True)
    proof = json.loads(answer.stdout).get("proof") or {}
    return proof.get("took_ns", 0) / 1e6, proof.get("paths", 0), proof.get("result", "-")


def plot(rows, path):
    names = [name for name, _, _ in SERIES]
    data = "\n\n\n".join("\n".join(f"{n} {ms}" for what, n, ms in rows if what == name) for name in names)
    lines = ", ".join(f"$d index {i} with linespoints title '{name}'" for i, name in enumerate(names))
    script = (f"set terminal svg size 720,440 background 'white'; set output '{path}'; set xlabel 'how many'; set ylabel 'proof, ms'; set key below;"
              "set linetype 5 linecolor 'black';"
              f"set grid; set logscale xy 2; $d << EOD\n{data}\nEOD\nplot {lines}\n")
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def main():
    os.environ.setdefault("KGENT_DATA", os.path.join(ROOT, "data"))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, make, sizes in SERIES:
            print(f"\n{name:34} {'proof':>12} {'paths':>8}  result")
            for n in sizes:
                ms, paths, word = proof_ms(make(n), folder)
                if word != "-":
                    rows.append((name, n, ms))
                print(f"{n:34} {ms:9.1f} ms {paths:8}  {word if word != '-' else 'it is not compiled'}")
    if SVG and shutil.which("gnuplot"):
        plot(rows, SVG)
        print(f"\nplot: {SVG}")
    elif SVG:
        print("\nno plot: gnuplot is not installed")


if __name__ == "__main__":
    main()
