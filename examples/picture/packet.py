#!/usr/bin/env python3
"""Draws packet.svg: what happens to a secured Xcast packet between its sender and its receivers.

    python3 examples/picture/packet.py            writes packet.svg beside this file
    python3 examples/picture/packet.py --check    says whether packet.svg is what this file draws
"""

import sys
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, MARGIN, UNIT = 960, 24, 36
INK, MUTED, LINE = "#1b1f24", "#57606a", "#8c959f"
PLAIN, MUTABLE, COVERED, SECRET = "#ffffff", "#fff1c2", "#dcebff", "#ffd9d2"

# Label, width in units, colour. One packet each: as built, sealed, on two branches, opened.
BUILT = [("IPv6 to All_Xcast_Routers", 6, PLAIN), ("bitmap 111", 3, PLAIN), ("B  C  D", 3, PLAIN), ("UDP", 2, PLAIN), ("payload", 5, PLAIN)]


def sealed(bits):
    return [
        ("IPv6 to All_Xcast_Routers", 6, COVERED),
        (f"bitmap {bits}", 3, MUTABLE),
        ("B  C  D", 3, COVERED),
        ("AH", 2, COVERED),
        ("ESP", 2, COVERED),
        ("UDP", 2, SECRET),
        ("payload", 5, SECRET),
        ("trailer", 2, SECRET),
    ]


class Drawing:
    def __init__(self):
        self.parts = []

    def text(self, x, y, words, size=13, weight="normal", colour=INK, anchor="start"):
        self.parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" font-weight="{weight}" fill="{colour}" '
            f'text-anchor="{anchor}">{escape(words)}</text>'
        )

    def box(self, x, y, width, height, fill, stroke=LINE, radius=0):
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius}" fill="{fill}" stroke="{stroke}"/>'
        )

    def arrow(self, x1, y1, x2, y2):
        self.parts.append(
            f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{MUTED}" stroke-width="1.5" marker-end="url(#head)"/>'
        )

    def packet(self, x, y, fields, unit):
        for words, units, fill in fields:
            width = units * unit
            self.box(x, y, width, 28, fill)
            self.text(x + width / 2, y + 18, words, 12 if width > 60 else 11, anchor="middle")
            x += width
        return x

    def svg(self, height):
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            'font-family="system-ui, sans-serif" role="img" aria-label="A packet from its sender over routers to its receivers">'
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            f'<path d="M0 0 8 4 0 8z" fill="{MUTED}"/></marker></defs>'
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
        )
        return "\n".join([head, *self.parts, "</svg>", ""])


def draw():
    d = Drawing()
    y = MARGIN + 8
    d.text(MARGIN, y, "Sender A", 15, "bold")
    d.text(MARGIN + 104, y, "stack::Session, stack::Sender: list the members, build, ESP, AH", colour=MUTED)
    d.packet(MARGIN, y + 12, BUILT, UNIT)
    d.text(MARGIN + 19 * UNIT + 16, y + 30, "for B, C and D", colour=MUTED)
    d.arrow(MARGIN + 60, y + 44, MARGIN + 60, y + 62)
    d.text(MARGIN + 72, y + 58, "seal: sequence number and vector used once, headers moved and not the payload", 12, colour=MUTED)
    d.packet(MARGIN, y + 66, sealed("111"), UNIT)

    y += 128
    d.arrow(MARGIN + 60, y - 30, MARGIN + 60, y - 8)
    d.text(MARGIN, y + 8, "Router R3", 15, "bold")
    d.text(MARGIN + 104, y + 8, "forward::Router: no key, no state for the session; one copy for each next hop", colour=MUTED)
    d.arrow(MARGIN + 60, y + 16, MARGIN + 60, y + 34)
    d.text(MARGIN + 72, y + 30, "towards B: its bit alone is left", 12, colour=MUTED)
    d.packet(MARGIN, y + 38, sealed("100"), UNIT)
    d.arrow(MARGIN + 60, y + 72, MARGIN + 60, y + 90)
    d.text(MARGIN + 72, y + 86, "towards C and D: only the bitmap and the hop limit differ, and AH covers neither", 12, colour=MUTED)
    d.packet(MARGIN, y + 94, sealed("011"), UNIT)

    y += 156
    d.arrow(MARGIN + 60, y - 30, MARGIN + 60, y - 8)
    d.text(MARGIN, y + 8, "Receiver C", 15, "bold")
    d.text(MARGIN + 104, y + 8, "stack::Receiver: is it mine? association, window, ICV, construction, policy; then the window moves", colour=MUTED)
    x = d.packet(MARGIN, y + 20, [("UDP", 2, PLAIN), ("payload", 5, PLAIN)], UNIT)
    d.text(x + 16, y + 38, "from A, channel, own port, what protected it; the other members only if policy allows", colour=MUTED)

    y += 72
    x = MARGIN
    for fill, words in [
        (COVERED, "AH covers it"),
        (MUTABLE, "routers change it; outside AH"),
        (SECRET, "encrypted by ESP, and covered by both"),
    ]:
        d.box(x, y, 16, 16, fill)
        d.text(x + 24, y + 13, words, 12)
        x += 24 + 7 * len(words) + 24
    return d.svg(y + 16 + MARGIN)


def main():
    target = Path(__file__).with_name("packet.svg")
    drawn = draw()
    if sys.argv[1:] == ["--check"]:
        if target.read_text(encoding="utf-8") != drawn:
            sys.exit(f"{target.name} is not what {Path(__file__).name} draws: run it again")
        print(f"{target.name}: {len(drawn)} octets, as drawn")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        target.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
