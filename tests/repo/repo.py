#!/usr/bin/env python3
"""Hold the repository against what it says of itself, and print TAP.

  headers     every public header compiles alone, without warnings
  parts       a file of src/<part>/ includes only what the table in docs/architecture.md allows its part
  paths       every path that docs/*.md and README.md name in backquotes exists
  symbols     no part defines a name that a library defines, too (the linker would silently take one for both)
  bats        no condition of a test stands where bash ignores that it does not hold
  commands    completions and the manual page know every command and option that `kgent help` prints
"""
import glob
import os
import re
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CASES = []


def case(name, problems):
    CASES.append((name, problems))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def files(pattern):
    return sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, pattern), recursive=True))


# ---------------------------------------------------------------- headers

def check_headers():
    compiler = shlex.split(os.environ.get("CC", "cc"))
    cflags = subprocess.check_output(["pkg-config", "--cflags", "glib-2.0"], text=True).split()
    for header in files("include/kgent/*.h"):
        name = os.path.relpath(header, "include")
        done = subprocess.run(compiler + ["-std=gnu17", "-Wall", "-Wextra", "-Wstrict-prototypes", "-Werror", "-fsyntax-only",
                                          "-D_GNU_SOURCE", "-I" + os.path.join(ROOT, "include"), *cflags, "-x", "c", "-"],
                              input=f"#include <{name}>\n#include <{name}>\n", text=True, capture_output=True)
        case(f"header {name} compiles alone, twice", done.stderr.splitlines() if done.returncode else [])


# ---------------------------------------------------------------- parts

def parts_table():
    """Rows `| [part](../src/part) | headers | may use | libraries |` of docs/architecture.md."""
    table = {}
    for line in read("docs/architecture.md").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 4 and re.fullmatch(r"`src/\w+/`", cells[0]):
            names = [re.findall(r"`([^`]+)`", cell) for cell in cells]
            table[names[0][0].split("/")[1]] = {"headers": names[1], "uses": names[2], "libs": names[3]}
    return table


SEAMS = {"bpf": r"<bpf/|<linux/btf", "libelf": r"<gelf|<libelf|<elf\.h>", "yaml": r"<yaml\.h>", "jansson": r"<jansson\.h>",
         "stemmer": r"<libstemmer", "seccomp": r"<seccomp\.h>", "z3": r"<z3\.h>", "curl": r"<curl/", "sqlite3": r"<sqlite3\.h>"}


def check_parts():
    table = parts_table()
    owner = {header: part for part, row in table.items() for header in row["headers"]}
    case("the table of parts names every folder of src/",
         [f"src/{part} is not in the table" for part in sorted(os.listdir(os.path.join(ROOT, "src"))) if part not in table])
    case("the table of parts names every public header",
         [f"{h} has no part" for h in files("include/kgent/*.h") if os.path.basename(h) not in owner])
    for part, row in sorted(table.items()):
        problems = []
        for path in files(f"src/{part}/**/*.[ch]"):
            problems += check_includes(path, part, row, owner)
        for header in row["headers"]:
            problems += check_includes(f"include/kgent/{header}", part, row, owner)
        case(f"src/{part} includes only what its row allows", problems)


def check_includes(path, part, row, owner):
    if not os.path.exists(os.path.join(ROOT, path)):
        return [f"{path} does not exist"]
    problems = []
    for number, line in enumerate(read(path).splitlines(), 1):
        include = re.match(r'\s*#\s*include\s+([<"][^>"]+[>"])', line)
        if not include:
            continue
        what = include.group(1)
        public = re.fullmatch(r"<kgent/(\w+\.h)>", what)
        if public and owner.get(public.group(1)) not in [part] + row["uses"] and "all" not in row["uses"]:
            problems.append(f"{path}:{number}: {what} is of part {owner.get(public.group(1))}, which {part} may not use")
        if what.startswith('"') and ".." in what:
            problems.append(f"{path}:{number}: {what} reaches into another folder")
        for lib, pattern in SEAMS.items():
            if re.match(pattern, what) and lib not in row["libs"] and not what.startswith("<kgent"):
                problems.append(f"{path}:{number}: {what}: {part} may not use {lib}")
    return problems


# ---------------------------------------------------------------- paths

PATHLIKE = re.compile(r"`((?:include|src|data|tests|bench|docs|tools|completions)/[\w./*-]*)`")


def check_paths():
    for doc in files("docs/*.md") + ["README.md"]:
        problems = []
        for path in PATHLIKE.findall(read(doc)):
            if not glob.glob(os.path.join(ROOT, path)):
                problems.append(f"{doc} names {path}, which does not exist")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", read(doc)):
            if not os.path.exists(os.path.join(ROOT, os.path.dirname(doc), target)):
                problems.append(f"{doc} links to {target}, which does not exist")
        case(f"paths in {doc} exist", problems)


# ---------------------------------------------------------------- symbols

def symbols(*command):
    lines = subprocess.run(["nm", *command], capture_output=True, text=True).stdout.splitlines()
    return {line.split()[-1].split("@")[0]: line.split()[-2] for line in lines if len(line.split()) >= 2}


def check_symbols():
    kgent = os.environ["KGENT"]
    ours = {}
    for archive in glob.glob(os.path.join(os.path.dirname(kgent), "libkg_*.a")):
        for name, kind in symbols("-g", "--defined-only", archive).items():
            if kind in "TDBR":
                ours[name] = os.path.basename(archive)
    problems = [] if ours else ["no static library was found beside the program"]
    needed = re.findall(r"=> (/\S+)", subprocess.run(["ldd", kgent], capture_output=True, text=True).stdout)
    for library in needed:
        if "san.so" not in library:
            problems += [f"{name} of {ours[name]} is defined by {os.path.basename(library)}, too"
                         for name in symbols("-D", "--defined-only", library) if name in ours]
    case("no name of a part hides one of a library", problems)


# ---------------------------------------------------------------- tests that could not fail

def check_bats():
    for path in files("tests/e2e/*.bats"):
        hidden = [f"{path}:{number}: only the last condition of a list joined by && can fail a test"
                  for number, line in enumerate(read(path).splitlines(), 1) if re.search(r"\]\]? && ", line) and "||" not in line]
        case(f"every condition in {path} can fail", hidden)


# ---------------------------------------------------------------- commands

def check_commands():
    kgent = os.environ["KGENT"]
    told = subprocess.run([kgent, "help"], capture_output=True, text=True, check=True).stdout
    commands = [name for name in re.findall(r"^  kgent (\w+)\b", told, re.M) if name != "help"]
    options = set(re.findall(r"(--[a-z][a-z-]+)", told))
    for command in commands:
        one = subprocess.run([kgent, "help", command], capture_output=True, text=True, check=True).stdout
        options |= set(re.findall(r"(--[a-z][a-z-]+)", one))
    case("kgent help lists commands and options", [] if commands and options else [told])
    for path in files("completions/*") + ["docs/kgent.1"]:
        text = read(path).replace("\\-", "-")
        missing = [word for word in commands if not re.search(rf"\b{word}\b", text)]
        missing += [word for word in sorted(options)
                    if not re.search(rf"(?:--|-l ){re.escape(word[2:])}(?![\w-])", text)]
        case(f"{path} knows every command and option", [f"{word} is missing" for word in missing])


def main():
    check_headers()
    check_parts()
    check_paths()
    check_symbols()
    check_bats()
    check_commands()
    print(f"1..{len(CASES)}")
    for number, (name, problems) in enumerate(CASES, 1):
        print(f"{'not ok' if problems else 'ok'} {number} - {name}")
        for problem in problems:
            print(f"# {problem}")
    return any(problems for _, problems in CASES)


if __name__ == "__main__":
    sys.exit(main())
