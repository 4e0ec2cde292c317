"""Functions of a kernel's BTF with the types of their arguments: enough of the format for the tests of the event cards.

Source: Documentation/bpf/btf.rst of the Linux kernel.
"""
import struct

INT, PTR, ARRAY, STRUCT, UNION, ENUM, FWD, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, PROTO, VAR, DATASEC = range(1, 16)
FLOAT, DECL_TAG, TYPE_TAG, ENUM64 = range(16, 20)
EXTRA = {INT: (4, 0), ARRAY: (12, 0), STRUCT: (0, 12), UNION: (0, 12), ENUM: (0, 8), PROTO: (0, 8), VAR: (4, 0), DATASEC: (0, 12),
         DECL_TAG: (4, 0), ENUM64: (0, 12)}


class Btf:
    def __init__(self, path="/sys/kernel/btf/vmlinux"):
        with open(path, "rb") as f:
            data = f.read()
        head, type_off, type_len, str_off, _ = struct.unpack_from("<IIIII", data, 4)
        self.strings = data[head + str_off:]
        self.types = [(0, 0, 0, b"")]
        at, end = head + type_off, head + type_off + type_len
        while at < end:
            name, info, size = struct.unpack_from("<III", data, at)
            kind, vlen = info >> 24 & 31, info & 0xffff
            fixed, each = EXTRA.get(kind, (0, 0))
            n = fixed + each * vlen
            self.types.append((name, kind, size, data[at + 12:at + 12 + n]))
            at += 12 + n
        self.functions = {self.text(name): size for name, kind, size, _ in self.types if kind == FUNC}

    def text(self, off):
        return self.strings[off:self.strings.index(b"\0", off)].decode()

    def describe(self, ident):
        """("struct sock *", bytes, is pointer) of a type, qualifiers left out, typedefs followed."""
        name, kind, size, _ = self.types[ident]
        if kind in (TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG):
            return self.describe(size)
        if kind == PTR:
            return self.describe(size)[0] + " *", 8, True
        if kind in (STRUCT, FWD):
            return "struct " + self.text(name), size, False
        if kind == UNION:
            return "union " + self.text(name), size, False
        return self.text(name) or "void", size, False

    def signature(self, function):
        """([(name, description)], description of what it returns), or None."""
        if function not in self.functions:
            return None
        _, _, ret, extra = self.types[self.functions[function]]
        params = [struct.unpack_from("<II", extra, i) for i in range(0, len(extra), 8)]
        return [(self.text(n), self.describe(t)) for n, t in params], self.describe(ret)
