"""Reads lcov, and prints what of src/ was run: lines per file, per folder and in all, and those that were not.

Test modules do not count, and neither do lines of tests in a function of a generic type that was never made: a line counts as run
if it was in any of its instances.
"""

import argparse
import collections
import pathlib
import re
import sys

TESTS = re.compile(r"^\s*#\[cfg\((?:test|all\(test\b[^\n]*\))\)\]\s*\n(?:\s*#\[[^\n]*\]\s*\n)*\s*(?:pub(?:\([a-z]+\))? )?mod \w+ \{", re.MULTILINE)


def first_test_line(path):
    """Where the test module of a file starts; beyond its end if there is none."""
    text = path.read_text()
    found = TESTS.search(text)
    return text.count("\n", 0, found.start()) + 1 if found else text.count("\n") + 2


def is_test_file(path):
    return path.stem == "tests" or "tests" in path.parts


def read(lcov, root):
    """Counts of lines and of branches, per file of src/."""
    lines = collections.defaultdict(dict)
    branches = collections.defaultdict(dict)
    path = end = None
    for record in lcov.read_text().splitlines():
        kind, _, rest = record.partition(":")
        if kind == "SF":
            path = pathlib.Path(rest).resolve().relative_to(root)
            end = 0 if is_test_file(path) else first_test_line(root / path)
        elif kind == "DA":
            line, count = (int(number) for number in rest.split(",")[:2])
            if line < end:
                lines[path][line] = max(count, lines[path].get(line, 0))
        elif kind == "BRDA":
            line, block, branch, count = rest.split(",")
            if int(line) < end:
                key = (int(line), block, branch)
                count = 0 if count == "-" else int(count)
                branches[path][key] = max(count, branches[path].get(key, 0))
    return lines, branches


def ranges(numbers):
    """[1, 2, 3, 7] as "1-3, 7"."""
    parts = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def share(counts):
    run = sum(1 for count in counts.values() if count)
    return run, len(counts), 100 * run / len(counts) if counts else 100


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("lcov", type=pathlib.Path)
    parser.add_argument("--branch", action="store_true")
    parser.add_argument("--least", type=float, required=True)
    options = parser.parse_args()
    root = pathlib.Path(__file__).resolve().parents[2]
    lines, branches = read(options.lcov, root)
    all_lines, all_branches = {}, {}
    for path in sorted(lines):
        run, of, percent = share(lines[path])
        text = f"{str(path):<55} {run:>5} of {of:>5} lines {percent:6.1f} %"
        if options.branch:
            text += " {:>5} of {:>5} branches {:6.1f} %".format(*share(branches[path]))
        missing = ranges(line for line, count in lines[path].items() if not count)
        print(text + (f"  not run: {missing}" if missing else ""))
        all_lines.update({(path, line): count for line, count in lines[path].items()})
        all_branches.update({(path, key): count for key, count in branches[path].items()})
    for folder in sorted({path.parts[:2] for path, _ in all_lines if len(path.parts) > 2}):
        of_folder = {key: count for key, count in all_lines.items() if key[0].parts[:2] == folder}
        print("{}/: {} of {} lines, {:.2f} %".format("/".join(folder), *share(of_folder)))
    run, of, percent = share(all_lines)
    print(f"src/: {run} of {of} lines, {percent:.2f} %")
    if options.branch:
        print("src/: {} of {} branches, {:.2f} %".format(*share(all_branches)))
    if not of or percent < options.least:
        sys.exit(f"error: less than {options.least} % of lines")


main()
