#!/usr/bin/env python3
"""Draws forward_cost.svg: instructions of `Router::forward` by the number of destinations, as callgrind counts them.

Needs valgrind and cargo. Run it anywhere; it prints the figures that the picture is made of:

    python3 examples/picture/forward_cost.py
"""
import glob
import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))


def count():
    """{next hops: [(destinations, instructions)]}"""
    subprocess.run(
        ["cargo", "build", "--quiet", "--release", "--example", "forward_cost"],
        cwd=ROOT, check=True, env={**os.environ, "CARGO_PROFILE_RELEASE_DEBUG": "0"},
    )
    program = os.path.join(TARGET, "release", "examples", "forward_cost")
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        printed = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--collect-atstart=no",
             "--toggle-collect=forward_cost::measured", "--dump-after=forward_cost::measured", program],
            check=True, capture_output=True, text=True,
        ).stdout
        rounds = [tuple(map(int, line.split())) for line in printed.splitlines()]
        curves = {}
        for number, (round_, destinations, next_hops) in enumerate(rounds, 1):
            with open(f"{out}.{number}", encoding="utf-8") as dump:
                total = next(int(line.split()[1]) for line in dump if line.startswith(("summary:", "totals:")))
            # The first round warms up.
            if round_ > 0:
                curves.setdefault(next_hops, []).append((destinations, total))
        assert len(glob.glob(f"{out}.*")) >= len(rounds)
    return curves


WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 720, 360, 70, 45, 20, 190


def draw(curves):
    top = max(instructions for curve in curves.values() for _, instructions in curve)
    step = next(s for s in (1000, 2000, 5000, 10000, 20000, 50000, 100000) if top / s <= 8)
    limit = -(-top // step) * step

    def at(destinations, instructions):
        x = LEFT + (WIDTH - LEFT - RIGHT) * destinations / 127
        y = HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * instructions / limit
        return f"{x:.1f},{y:.1f}"

    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for instructions in range(0, limit + 1, step):
        x, y = at(0, instructions).split(",")
        end = at(127, instructions).split(",")[0]
        svg.append(f'<path d="M{x} {y}H{end}" stroke="#ddd"/>')
        svg.append(f'<text x="{LEFT - 8}" y="{float(y) + 4:.1f}" text-anchor="end">{instructions:,}</text>')
    for destinations in (1, 20, 40, 60, 80, 100, 127):
        x, y = at(destinations, 0).split(",")
        svg.append(f'<text x="{x}" y="{float(y) + 18:.1f}" text-anchor="middle">{destinations}</text>')
    svg.append(f'<text x="{LEFT}" y="{HEIGHT - 8}">destinations of one packet; instructions to forward it (headers written, payload lent)</text>')
    for (next_hops, curve), colour in zip(sorted(curves.items()), ("#06c", "#c40")):
        points = " ".join(at(*point) for point in curve)
        svg.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x, y = at(*curve[-1]).split(",")
        name = "a next hop for each" if next_hops >= 127 else f"{next_hops} next hops"
        svg.append(f'<text x="{float(x) + 8:.1f}" y="{float(y) + 4:.1f}" fill="{colour}">{name}</text>')
    svg.append("</svg>")
    with open(os.path.join(HERE, "forward_cost.svg"), "w", encoding="utf-8") as file:
        file.write("\n".join(svg) + "\n")


if __name__ == "__main__":
    counted = count()
    for next_hops, curve in sorted(counted.items()):
        print(f"{next_hops} next hops:", {n: i for n, i in curve if n in (1, 10, 20, 40, 80, 127)})
    draw(counted)
