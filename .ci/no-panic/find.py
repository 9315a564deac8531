#!/usr/bin/env python3
"""Lists the places in the source from which a linked program can panic, and holds them to a list of those that are known.

Every call of Rust's panic machinery hands over a `core::panic::Location`: file, line and column, a constant in the program. What the
linker and the compiler could show to be out of reach is gone from it; so the constants that are left are the panics that are left.
Driven by ./run.
"""

import argparse
import pathlib
import re
import struct
import sys


def sections(octets):
    """Address and content of the sections of a 64-bit little-endian program that are in memory."""
    if octets[:6] != b"\x7fELF\x02\x01":
        sys.exit("this is no 64-bit little-endian ELF file")
    (table,) = struct.unpack_from("<Q", octets, 40)
    entry_len, count = struct.unpack_from("<HH", octets, 58)
    for index in range(count):
        _, kind, flags, address, at, size = struct.unpack_from("<IIQQQQ", octets, table + index * entry_len)
        # Allocated (2), and not empty memory (kind 8).
        if flags & 2 and kind != 8:
            yield address, octets[at : at + size]


def locations(program):
    """Every constant that has the form of a `Location`: pointer and length of a file's name, line, column."""
    loaded = list(sections(program.read_bytes()))

    def text(address, size):
        for start, content in loaded:
            if start <= address and address + size <= start + len(content):
                return content[address - start : address - start + size]
        return b""

    for start, content in loaded:
        for at in range(-start % 8, len(content) - 23, 8):
            address, size, line, column = struct.unpack_from("<QQII", content, at)
            if 0 < size < 512 and 0 < line < 1 << 20 and 0 < column < 1 << 12:
                name = text(address, size)
                if name.endswith(b".rs") and name.isascii():
                    yield name.decode(), line, column


def place(name, root):
    """The crate and, in it, the file; without version and without what is only so on this machine."""
    if match := re.search(r"/registry/src/[^/]+/(.+)-(\d[^/]*)/(.+)$", name):
        return match[1], match[3]
    if match := re.search(r"(?:^/rustc/[0-9a-f]+|/rustlib/src/rust)/library/([^/]+)/(.+)$", name):
        return match[1], match[2]
    path = pathlib.Path(name)
    own = path.relative_to(root) if path.is_relative_to(root) else path
    return "xcast-sec", str(own)


def read_list(file):
    """Lines of crate and file, each with the features that bring it, after the comment that says why they cannot be reached."""
    known, reason = {}, []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if line.startswith("#"):
            reason.append(line)
        elif line.strip():
            if not reason:
                sys.exit(f"{file.name}:{number}: no reason is given")
            words = tuple(line.split())
            if len(words) != 3:
                sys.exit(f"{file.name}:{number}: not a crate, a file and a feature")
            known[words[:2]] = words[2]
        else:
            reason = []
    return known


COMPILER = re.compile(r"^# Written for rustc ([0-9.]+[0-9])", re.MULTILINE)
arguments = argparse.ArgumentParser()
arguments.add_argument("program", type=pathlib.Path)
arguments.add_argument("--known", type=pathlib.Path, required=True)
arguments.add_argument("--root", type=pathlib.Path, required=True)
arguments.add_argument("--features", required=True)
arguments.add_argument("--rustc", required=True)
options = arguments.parse_args()

found = {}
for name, line, column in locations(options.program):
    found.setdefault(place(name, options.root), set()).add((line, column))
known = read_list(options.known)
features = {"any", *options.features.split(",")}
new = {key: at for key, at in found.items() if known.get(key) not in features}
# Another compiler brings another core, which nobody has looked at and nobody here has changed.
other_core = f"rustc {COMPILER.search(options.known.read_text())[1]}" != " ".join(options.rustc.split()[:2])
told = {key: at for key, at in new.items() if other_core and key[0] == "core"}
for (crate, file), at in sorted(new.items()):
    word = "told, as core is another one" if (crate, file) in told else "can panic, and is not in known.txt"
    print(f"{word}: {crate} {file} at {', '.join(f'{l}:{c}' for l, c in sorted(at))}")
new = new.keys() - told.keys()
total = sum(map(len, found.values()))
if new or not found:
    sys.exit("a program that can panic does not say from where" if not found else 1)
print(f"{total} places, {len(told)} files of them new in core, in {', '.join(sorted({crate for crate, _ in found}))}")
