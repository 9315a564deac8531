#!/usr/bin/env python3
"""Writes the tables of the README's section "Size", or holds the README to them. Driven by ./run.

The README may be off by 5 %: an edit here and there moves a figure by a percent or two, and a table that has to be written anew
for each would be written without being looked at. More than that is a decision, and the new table is where it shows.

Flash, stack and instructions are the compiler's work as much as the crate's. If CI's compiler is another one than the table
names, they are compared and told, but are no error: nobody changed anything here. RAM is the same with every compiler.
"""

import argparse
import pathlib
import re
import struct
import sys

TOLERANCE = 0.05
BEGIN, END = "<!-- sizes: begin -->", "<!-- sizes: end -->"
PROFILES = [("small", '`"s"`'), ("release", "`3`")]
FLASH = [
    ("size_ah", "AH alone: HMAC-SHA2-256-128"),
    ("size_esp_gcm", "ESP alone: AES-GCM-16, keys of 128 bits"),
    ("size_esp_cbc", "ESP with AES-CBC, keys of 128 bits, and HMAC-SHA2-256-128"),
    ("size_router", "a router alone: reading, branching, X2U, tunnels"),
    ("size_host", "a host: sessions, policy, sender and receiver, ESP with AES-GCM-16"),
    ("size_whole", "the whole: host, router, relay, neighbours, every algorithm of `RustCrypto`"),
]
SHF_ALLOC, SHT_NOBITS = 2, 8


def flash(path):
    """Octets of code, constants and initial values in a 32-bit little-endian ELF file."""
    octets = path.read_bytes()
    if octets[:6] != b"\x7fELF\x01\x01":
        sys.exit(f"{path} is no 32-bit little-endian ELF file")
    (table,) = struct.unpack_from("<I", octets, 32)
    entry_len, count = struct.unpack_from("<HH", octets, 46)
    total = 0
    for index in range(count):
        _, kind, flags, _, _, size = struct.unpack_from("<6I", octets, table + index * entry_len)
        if flags & SHF_ALLOC and kind != SHT_NOBITS:
            total += size
    return total


def log(path, word):
    """The lines of a self test that begin with `word`: name and figures."""
    lines = [line[len(word) + 1 :] for line in path.read_text().splitlines() if line.startswith(word + " ")]
    rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    return {name: [int(figure) for figure in figures] for name, *figures in rows}


def measure(programs, logs):
    """The tables: heading, columns, rows."""
    sizes = {}
    for name, title in FLASH:
        sizes[title] = [flash(programs / p / name) - flash(programs / p / "size_empty") for p, _ in PROFILES]
    small, fast = (log(logs / f"{profile}.log", "COST") for profile, _ in PROFILES)
    if small.keys() != fast.keys() or len(small) < 10:
        sys.exit("the self tests measured different operations, or too few")
    costs = {
        name: [small[name][1], fast[name][1], small[name][0], fast[name][0]] for name in small if name != "nothing"
    }
    ram = log(logs / "small.log", "RAM")
    options = [title for _, title in PROFILES]
    return {
        "flash": (["flash, octets", *options], sizes),
        "stack": (["operation", *(f"stack, {o}" for o in options), *(f"instructions, {o}" for o in options)], costs),
        "ram": (["RAM, octets", ""], ram),
    }


def written(tables, compiler):
    """The tables as markdown."""
    parts = [f"Compiler: {compiler}."]
    for columns, rows in tables.values():
        lines = ["| " + " | ".join(columns) + " |", "|---|" + "---:|" * (len(columns) - 1)]
        lines += [f"| {name} | " + " | ".join(f"{figure:,}" for figure in figures) + " |" for name, figures in rows.items()]
        parts.append("\n".join(line.replace("|  |", "| |") for line in lines))
    return "\n\n".join(parts)


def read(text):
    """The compiler and the rows of tables written before."""
    compiler = re.search(r"^Compiler: (.*)\.$", text, re.M)
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) > 1 and all(re.fullmatch(r"[0-9,]+", cell) for cell in cells[1:]):
            rows[cells[0]] = [int(cell.replace(",", "")) for cell in cells[1:]]
    return compiler and compiler[1], rows


def differences(tables, rows):
    """What is off by more than the tolerance, with the table it is in."""
    for table, (_, measured) in tables.items():
        for name, figures in measured.items():
            stated = rows.pop(name, None)
            if stated is None or len(stated) != len(figures):
                yield table, f"{name}: not in the README"
                continue
            for was, now in zip(stated, figures):
                if abs(now - was) > TOLERANCE * was:
                    yield table, f"{name}: the README says {was}, it is {now} ({(now - was) / max(was, 1):+.1%})"
    for name in rows:
        # Whoever took it out decided so, whatever the compiler.
        yield "ram", f"{name}: in the README, and not measured"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    for name in ("readme", "programs", "logs"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--compiler", required=True)
    arguments = parser.parse_args()

    tables = measure(arguments.programs, arguments.logs)
    markdown = written(tables, arguments.compiler)
    readme = arguments.readme.read_text()
    if readme.count(BEGIN) != 1 or readme.count(END) != 1:
        sys.exit(f"{arguments.readme} has no place for the tables: {BEGIN} … {END}")
    before, _, rest = readme.partition(BEGIN)
    stated, _, after = rest.partition(END)
    if arguments.write:
        arguments.readme.write_text(f"{before}{BEGIN}\n{markdown}\n{END}{after}")
        print(f"wrote {arguments.readme}")
        return
    print(markdown)
    compiler, rows = read(stated)
    other = compiler != arguments.compiler
    if other:
        print(f"!!! The README was measured with {compiler}, this with {arguments.compiler}: only RAM must agree.")
    failed = 0
    for table, difference in differences(tables, rows):
        excused = other and table != "ram"
        failed += not excused
        print(("differs: " if excused else "error: ") + difference)
    if failed:
        sys.exit("the README's sizes do not hold: `.ci/bare-metal/run --write` changes them, and the commit says why")
    print(f"ok: the README's sizes hold to within {TOLERANCE:.0%}")


if __name__ == "__main__":
    main()
