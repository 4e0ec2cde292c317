"""The proofs' cases (tests/golden/proofs): programs with what is to be found out about them. See the README there."""
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(os.environ.get("KGENT_TESTS") or os.path.dirname(HERE), "golden", "proofs")
LISTS = ("refuted", "also", "proved")
KEYS = LISTS + ("about", "contract", "verdict", "relation", "profile", "skip", "program", "unknown")


class Case:
    """One program, its contract, and facts that must come out. Obligations are pairs (kind, what); what "" means any of the kind."""

    def __init__(self, path):
        self.path = path
        self.name = os.path.splitext(os.path.basename(path))[0]
        self.program = path
        self.about = self.contract = self.relation = self.profile = self.skip = self.unknown = None
        self.verdict = "proved"
        self.refuted, self.also, self.proved = [], [], []
        with open(path) as f:
            lines = f.read().splitlines()
        for line in lines:
            found = re.match(r"(?://|#) ([a-z]+): (.*)$", line)
            if not found or found[1] not in KEYS:
                if line.strip() and not line.startswith(("//", "#")):
                    break
                continue
            self.take(found[1], found[2].strip())
        marked = [i + 1 for i, line in enumerate(lines) if line.rstrip().endswith("// wrong")]
        self.line = marked[0] if marked else None
        self.is_c = self.program.endswith(".c")

    def take(self, key, value):
        if key in LISTS:
            kind, _, what = value.partition(":")
            getattr(self, key).append((kind.strip(), what.strip()))
        elif key == "relation":  # "show: destination port: PYTHON over shown and wanted"
            obligation, _, expr = value.rpartition(": ")
            kind, _, what = obligation.partition(":")
            self.relation = ((kind.strip(), what.strip()), expr)
        elif key == "contract":
            self.contract = os.path.join(GOLDEN, "contracts", value + ".yaml")
        elif key == "program":
            self.program = value
        else:
            setattr(self, key, value)


def cases(which):
    """All cases of "proved", "refused" or "tools". The tools' files are contracts that name their program."""
    folder = os.path.join(GOLDEN, which)
    found = []
    for name in sorted(os.listdir(folder)):
        if not name.endswith((".bt", ".c", ".yaml")):
            continue
        case = Case(os.path.join(folder, name))
        if which == "tools":
            case.contract = case.path
        found.append(case)
    return found


def all_cases():
    return cases("proved") + cases("refused") + cases("tools")
