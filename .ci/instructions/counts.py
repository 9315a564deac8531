#!/usr/bin/env python3
"""Reads what callgrind counted, compares it with the baseline, and writes the README's table and the plot. Driven by ./run.

The same program executes the same instructions each time. Another compiler, C library or valgrind makes another program of it, or
another processor: then differences are told, and are no error.
"""

import argparse
import json
import pathlib
import re
import sys

RISE = 0.02
BEGIN, END = "<!-- instructions: begin -->", "<!-- instructions: end -->"
# The most that issue and design ask for.
TARGETS = {
    "read IPv6, Xcast6 with 10 members, UDP": 115,
    "read IPv4, AH, UDP": 86,
    "checksum after a changed bitmap": 35,
}
ANCHORS = ["smoltcp", "pnet", "etherparse", "FnvIndexMap"]


def read(folder):
    """Instructions per operation, by name; apart from them the points of the plot, for each of its lines."""
    names = [line.split("\t", 1) for line in (folder / "names").read_text().splitlines()]
    files = sorted(folder.glob("count.[0-9]*"), key=lambda path: int(path.suffix[1:]))
    totals = []
    for path in files:
        found = re.search(r"^totals: (\d+)$", path.read_text(), re.M)
        totals.append(int(found[1]) if found else 0)
    # The program's own end leaves one more, of nothing.
    if not names or len(totals) < len(names) or any(totals[len(names) :]):
        sys.exit(f"{len(names)} operations, {len(totals)} counts")
    measuring = None
    counts, plot = {}, {}
    for (times, name), total in zip(names, totals):
        if measuring is None:
            measuring = total
            continue
        count = round((total - measuring) / int(times), 1)
        if count <= 0:
            sys.exit(f"nothing was counted of: {name}")
        if name.startswith("plot: "):
            _, title, destinations = name.split(": ")
            plot.setdefault(title, {})[int(destinations)] = count
        else:
            counts[name] = count
    return counts, plot


def line(points):
    """The straight line closest to the points, and how far the farthest is off, as a part of the largest."""
    n, xs, ys = len(points), list(points), list(points.values())
    mean_x, mean_y = sum(xs) / n, sum(ys) / n
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points.items()) / sum((x - mean_x) ** 2 for x in xs)
    start = mean_y - slope * mean_x
    return start, slope, max(abs(y - start - slope * x) for x, y in points.items()) / max(ys)


def said_of(plot):
    """The plot in words."""
    sentences = ["Forwarding an IPv4 packet to N = 1 to 127 destinations, headers written and the payload lent, takes"]
    for title, points in plot.items():
        start, slope, off = line(points)
        sentences.append(
            f"{start:,.0f} + {slope:,.0f} × N instructions with {title} (farthest from that line: {off:.1%} of the largest)"
        )
    return f"{sentences[0]} {', '.join(sentences[1:])}."


def svg(plot):
    """The points, and the lines through them."""
    width, height, left, right, bottom, top = 640, 340, 72, 16, 44, 44
    highest = max(max(points.values()) for points in plot.values())
    step = 10 ** (len(str(int(highest))) - 1)
    ceiling = (int(highest / step) + 1) * step

    def at(x, y):
        return left + x / 127 * (width - left - right), height - bottom - y / ceiling * (height - bottom - top)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{left}" y="16">instructions to forward one packet to N destinations, payload lent</text>',
    ]
    for tick in range(0, ceiling + 1, max(step, ceiling // 5 // step * step)):
        _, y = at(0, tick)
        parts.append(f'<path d="M{left} {y:.1f}H{width - right}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:,}</text>')
    for tick in (1, 16, 32, 48, 64, 80, 96, 112, 127):
        x, _ = at(tick, 0)
        parts.append(f'<text x="{x:.1f}" y="{height - bottom + 18}" text-anchor="middle">{tick}</text>')
    for (title, points), colour, place in zip(plot.items(), ("#246", "#a52"), (32, 46)):
        start, slope, _ = line(points)
        (x1, y1), (x2, y2) = at(1, start + slope), at(127, start + slope * 127)
        parts.append(f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="0.7" fill="none"/>')
        parts += ['<circle cx="{:.1f}" cy="{:.1f}" r="1.6" fill="{}"/>'.format(*at(*point), colour) for point in points.items()]
        parts.append(f'<text x="{left}" y="{place}" fill="{colour}">{title}</text>')
    parts.append(f'<text x="{(left + width) / 2}" y="{height - 8}" text-anchor="middle">N</text>')
    return "\n".join(parts) + "\n</svg>\n"


def table(counts, toolchain):
    """As markdown: an operation with its anchors beside it."""
    used = [anchor for anchor in ANCHORS if any(name.endswith(f": {anchor}") for name in counts)]
    rows = [["operation", "instructions", "target", *used]]
    for name, count in counts.items():
        if any(name.endswith(f": {anchor}") for anchor in ANCHORS):
            continue
        others = [counts.get(f"{name}: {anchor}") for anchor in used]
        rows.append([name, f"{count:,.0f}", f"≤ {TARGETS[name]}" if name in TARGETS else "–"])
        rows[-1] += ["–" if other is None else f"{other:,.0f}" for other in others]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---|" + "---:|" * (len(rows[0]) - 1))
    return f"Toolchain: {toolchain}.\n\n" + "\n".join(lines)


def compare(counts, baseline):
    """What rose, and whether the baseline has what was counted."""
    wrong = []
    for name, count in counts.items():
        was = baseline.get(name)
        if was is None:
            wrong.append(f"{name}: not in the baseline")
        # Of the smallest, one instruction is more than 2 %.
        elif count > was * (1 + RISE) and count - was > 1:
            wrong.append(f"{name}: {was:,} instructions have become {count:,} ({count / was - 1:+.1%})")
        elif count < was * (1 - RISE) and was - count > 1:
            print(f"less: {name}: {was:,} instructions have become {count:,} ({count / was - 1:+.1%})")
    wrong += [f"{name}: in the baseline, and not counted" for name in baseline if name not in counts]
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write", action="store_true")
    for name in ("counts", "baseline", "readme", "plot"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--toolchain", required=True)
    arguments = parser.parse_args()

    counts, plot = read(arguments.counts)
    markdown = f"{table(counts, arguments.toolchain)}\n\n{said_of(plot)}"
    print(markdown)
    for name, target in TARGETS.items():
        if counts[name] > target:
            print(f"target missed: {name}: {counts[name]:,.0f}, and {target} are asked for")
    if arguments.write:
        stated = {"toolchain": arguments.toolchain, "instructions": counts}
        arguments.baseline.write_text(json.dumps(stated, indent=2, ensure_ascii=False) + "\n")
        text = arguments.readme.read_text()
        if text.count(BEGIN) != 1 or text.count(END) != 1:
            sys.exit(f"{arguments.readme} has no place for the table: {BEGIN} … {END}")
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        arguments.readme.write_text(f"{before}{BEGIN}\n{markdown}\n{END}{after}")
        arguments.plot.write_text(svg(plot))
        print(f"wrote {arguments.baseline}, {arguments.readme} and {arguments.plot}")
        return
    stated = json.loads(arguments.baseline.read_text())
    other = stated["toolchain"] != arguments.toolchain
    if other:
        print(f"!!! The baseline is of {stated['toolchain']}: differences are told, and are no error.")
    wrong = compare(counts, stated["instructions"])
    for what in wrong:
        print(f"!!! {'differs' if other else 'error'}: {what}")
    if wrong and not other:
        sys.exit("instructions rose by more than 2 %: make them fewer again, or `.ci/instructions/run --write`, and the commit says why")
    print(f"ok: {len(counts)} operations, none over its baseline by more than {RISE:.0%}" if not wrong else "compared with another toolchain's")


if __name__ == "__main__":
    main()
