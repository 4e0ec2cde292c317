#!/usr/bin/env python3
"""How the time of a proof grows with a program's branches and with unrolled iterations: a table, and a plot where gnuplot is installed.

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


def branches(n):
    return PROBE % ("\t$x = 0;\n" + "".join(f"\tif (args->ret > {i * 100}) {{ @b{i} = {i}; }}\n" for i in range(n)))


def unrolled(n):
    return PROBE % f"\t$x = args->ret;\n\tunroll({n}) {{ $x = $x * 3 + 1; }}\n\t@x = $x;\n"


def proof_ms(program, folder):
    text, contract = os.path.join(folder, "p.bt"), os.path.join(folder, "c.yaml")
    with open(text, "w", encoding="utf-8") as file:
        file.write(program)
    with open(contract, "w", encoding="utf-8") as file:
        file.write(CONTRACT)
    answer = subprocess.run([os.path.join(BUILD, "kgent"), "check", text, "--contract", contract, "--json", "--no-load"], capture_output=True, text=True)
    proof = json.loads(answer.stdout).get("proof") or {}
    return proof.get("took_ns", 0) / 1e6, proof.get("paths", 0), proof.get("result", "-")


def main():
    os.environ.setdefault("KGENT_DATA", os.path.join(ROOT, "data"))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, make, sizes in (("branches", branches, (1, 2, 4, 8, 16, 24)), ("unrolled iterations", unrolled, (1, 2, 4, 8, 16))):
            print(f"\n{name:22} {'proof':>12} {'paths':>8}  result")
            for n in sizes:
                ms, paths, word = proof_ms(make(n), folder)
                rows.append((name, n, ms))
                print(f"{n:22} {ms:9.1f} ms {paths:8}  {word}")
    if SVG and shutil.which("gnuplot"):
        data = "\n\n".join("\n".join(f"{n} {ms}" for what, n, ms in rows if what == name) for name in ("branches", "unrolled iterations"))
        script = (f"set terminal svg size 640,400; set output '{SVG}'; set xlabel 'in the program'; set ylabel 'proof, ms'; set key left; set grid;"
                  "$d << EOD\n" + data + "\nEOD\nplot $d index 0 with linespoints title 'branches', $d index 1 with linespoints title 'unrolled iterations'\n")
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
        print(f"\nplot: {SVG}")
    elif SVG:
        print("\nno plot: gnuplot is not installed")


if __name__ == "__main__":
    main()
