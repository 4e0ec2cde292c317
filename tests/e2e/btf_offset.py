#!/usr/bin/env python3
"""The offset of a structure's member in bytes, read from raw BTF by nothing that kgent uses.

    btf_offset.py BTF-FILE STRUCTURE MEMBER
"""
import struct
import sys

# bytes behind the 12 of each type, by kind (linux/btf.h): fixed, or for each of its vlen members
FIXED = {1: 4, 3: 12, 14: 4, 17: 4}
EACH = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}
STRUCT = 4


def members(data):
    """(structure, member, offset in bits) of every structure of the file."""
    _, _, _, head, type_off, type_len, str_off, _ = struct.unpack_from("<HBBIIIII", data)
    at, end, strings = head + type_off, head + type_off + type_len, head + str_off

    def name(offset):
        return data[strings + offset:data.index(b"\0", strings + offset)].decode()

    while at < end:
        name_off, info, _ = struct.unpack_from("<III", data, at)
        kind, n, is_packed = info >> 24 & 31, info & 0xffff, info >> 31
        at += 12
        if kind == STRUCT and name_off:
            for i in range(n):
                member, _, offset = struct.unpack_from("<III", data, at + 12 * i)
                yield name(name_off), name(member), offset & 0xffffff if is_packed else offset
        at += FIXED.get(kind, 0) + EACH.get(kind, 0) * n


def main():
    with open(sys.argv[1], "rb") as f:
        data = f.read()
    for structure, member, offset in members(data):
        if (structure, member) == (sys.argv[2], sys.argv[3]):
            print(offset // 8)
            return
    sys.exit(f"there is no {sys.argv[2]}.{sys.argv[3]}")


main()
