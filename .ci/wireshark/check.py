#!/usr/bin/env python3
"""tshark with the dissector over captures of the example, over the test vectors, over packets made wrong by hand, and
over thousands of damaged ones.

    check.py FOLDER CAPTURE... [--seed N] [--damaged N]
"""

import argparse
import json
import pathlib
import random
import sys

import capture
import cases
import model

VECTORS = pathlib.Path(__file__).parents[2] / "tests/vectors"
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "interop"))
import packets as random_packets  # noqa: E402

failures = []


def fail(what, row, packet):
    seen = sorted(capture.notes(row, capture.NOTES))
    failures.append(f"{what}; notes {seen}, {row['_ws.expert.message']!r}\n    {packet.hex()}")


def judge(packet):
    """What the model says: the values (`None` if not Xcast), and what it finds wrong."""
    try:
        return model.read(packet), None
    except model.Bad as bad:
        return None, str(bad)


def compare(what, row, packet, values):
    wrong = {
        name: (capture.value(row, name), expected)
        for name, expected in values.items()
        if name != "behind AH" and capture.value(row, name) != expected
    }
    if wrong:
        fail(f"{what}: dissector and model differ: {wrong}", row, packet)


def is_next_dissected(row, following):
    field = {17: "udp.dstport", 6: "tcp.dstport", 51: "ah.spi", 50: "esp.spi", 58: "icmpv6.type"}.get(following)
    return field is None or bool(row[field])


def check_sound(what, row, packet, values):
    """A packet in which nothing is wrong."""
    compare(what, row, packet, values)
    if capture.notes(row, capture.ERRORS):
        fail(f"{what}: an error where there is none", row, packet)
    if row["_ws.malformed"]:
        fail(f"{what}: malformed to Wireshark", row, packet)
    if not is_next_dissected(row, values["next"]):
        fail(f"{what}: what follows was not dissected", row, packet)
    if f"{values['left']} of {values['count']} left" not in row["_ws.col.Info"]:
        fail(f"{what}: Info column {row['_ws.col.Info']!r}", row, packet)


def check_captures(tshark, paths):
    seen = checksums = 0
    for path in paths:
        frames = capture.read(path)
        copy = tshark.folder / "example.pcap"
        capture.write(copy, frames)
        formats = set()
        for row, packet in zip(tshark.rows(copy, len(frames)), frames):
            values, bad = judge(packet)
            if bad or capture.notes(row, capture.ERRORS + capture.REFUSED):
                fail(f"{path}: the model says {bad}", row, packet)
            elif values is None:
                if row["xcast.format"]:
                    fail(f"{path}: Xcast where there is none", row, packet)
            else:
                check_sound(str(path), row, packet, values)
                formats.add(values["format"])
                seen += 1
                if values["next"] == 17:
                    checksums += 1
                    # Computed for All_Xcast_Routers.
                    if row["udp.checksum.status"] != "1":
                        fail(f"{path}: UDP checksum {row['udp.checksum.status']}", row, packet)
        if formats != {"Xcast4", "Xcast6"}:
            failures.append(f"{path}: {formats}")
    return seen, checksums


def vector_packets():
    """Name, packet, and what the vector expects of it: fields, "ok", an error class, or None where it does not say."""
    for path in sorted(VECTORS.glob("*.json")):
        for vector in json.loads(path.read_text()):
            name, kind, expect = f"{path.name}: {vector.get('name')}", vector.get("kind", ""), vector.get("expect")
            if path.name in ("parse.json", "forward.json"):
                yield name, vector["packet"], vector.get("fields", expect)
            elif kind == "build":
                if "packet" in vector:
                    yield name, vector["packet"], vector["fields"]
            else:
                for field in ("packet", "protected"):
                    if isinstance(vector.get(field), str):
                        yield name, vector[field], "ok" if expect == "ok" else None
            for copy in vector.get("copies", []):
                yield name + ": copy", copy["packet"], "ok"


def as_values(fields):
    """The fields of a vector, as the dissector names them."""
    bits = fields["bits"]
    values = {
        "flags.a": fields["anonymous"], "flags.x": fields["no_x2u"], "flags.d": fields["dscp"],
        "flags.p": fields["ports"], "count": len(fields["destinations"]), "left": bits.count("1"),
        "dst.left": [bit == "1" for bit in bits],
        "channel": fields["channel"], "bitmap.place": "option" if fields["bitmap_separated"] else "header",
        "dst.dscp": fields.get("dscps", []), "dst.port": fields.get("port_list", []),
        "dst.ipv6" if ":" in fields["destinations"][0] else "dst.ipv4": fields["destinations"],
    }
    if "header_len" in fields:
        values["header_len"] = fields["header_len"]
    return values


def check_vectors(tshark):
    found = [(name, bytes.fromhex(packet), expect) for name, packet, expect in vector_packets()]
    path = tshark.folder / "vectors.pcap"
    frames = [packet for _, packet, _ in found]
    capture.write(path, frames)
    sound = wrong = 0
    for row, (name, packet, expect) in zip(tshark.rows(path, len(frames)), found):
        values, bad = judge(packet)
        notes = capture.notes(row, capture.ERRORS + capture.REFUSED)
        if isinstance(expect, dict) or (expect == "ok" and values):
            sound += 1
            if bad:
                fail(f"{name}: the model says {bad}", row, packet)
                continue
            check_sound(name, row, packet, values)
            if isinstance(expect, dict):
                compare(name, row, packet, as_values(expect))
            if notes:
                fail(f"{name}: expected ok", row, packet)
        elif expect not in ("ok", None):
            wrong += 1
            # An AH that cannot be skipped is AH's, and Wireshark says so itself.
            if not notes and not row["_ws.malformed"] and "8388608" not in row["_ws.expert.severity"]:
                fail(f"{name}: expected {expect}", row, packet)
        elif values is None and bad is None and row["xcast.format"] and "tunnel" not in name:
            fail(f"{name}: Xcast where there is none", row, packet)
    return sound, wrong


def check_cases(tshark):
    wrong, right = list(cases.wrong()), list(cases.right())
    path = tshark.folder / "cases.pcap"
    frames = [packet for packet, _ in wrong + right]
    capture.write(path, frames)
    rows = tshark.rows(path, len(frames))
    covered = set()
    for row, (packet, expected) in zip(rows, wrong):
        covered |= expected
        if capture.notes(row, capture.NOTES) != expected:
            fail(f"case {row['frame.number']}: expected {sorted(expected)}", row, packet)
        if (judge(packet)[1] is not None) != bool(expected & set(capture.ERRORS + ["place.bad"])):
            fail(f"case {row['frame.number']}: the model says {judge(packet)[1]}", row, packet)
    for row, (packet, values) in zip(rows[len(wrong) :], right):
        compare("case", row, packet, values)
        if capture.notes(row, capture.NOTES):
            fail(f"case {row['frame.number']}: expected no note", row, packet)
    if covered != set(capture.NOTES):
        failures.append(f"expert notes that no case is for: {sorted(set(capture.NOTES) - covered)}")
    return len(wrong), len(right)


def sound_packets(rng, count):
    """Random sound packets of all formats."""
    for _ in range(count):
        family, size = rng.choice((4, 6)), rng.randrange(64)
        yield random_packets.Xcast(rng, family, size, separated=rng.random() < 0.4).packet()
    yield from (packet for packet, _ in cases.right())


def damaged(rng, packet):
    """The packet with something broken behind the fixed IP header, its IPv4 header checksum right."""
    octets = bytearray(packet)
    fixed = 20 if octets[0] >> 4 == 4 else 40
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(fixed, len(octets))
        # Headers are where it hurts.
        if rng.random() < 0.7:
            at = min(at, fixed + rng.randrange(48))
        at = min(at, len(octets) - 1)
        octets[at] = rng.choice((octets[at] ^ 1 << rng.randrange(8), rng.randrange(256), 0, 255))
    if rng.random() < 0.2:
        del octets[rng.randrange(fixed + 1, len(octets) + 1) :]
    # The lengths in the IP header go along, or no longer fit.
    if rng.random() < 0.9:
        octets[2:4] = len(octets).to_bytes(2, "big") if fixed == 20 else octets[2:4]
        octets[4:6] = octets[4:6] if fixed == 20 else (len(octets) - 40).to_bytes(2, "big")
    end = (octets[0] & 15) * 4
    if fixed == 20 and end <= len(octets):
        octets[10:12] = b"\0\0"
        octets[10:12] = (model.folded(octets[:end]) ^ 0xFFFF).to_bytes(2, "big")
    return bytes(octets)


def is_whole(packet):
    """Whether the IP header announces what is there: else the model does not look."""
    if packet[0] >> 4 == 4:
        return (packet[0] & 15) * 4 <= len(packet) == int.from_bytes(packet[2:4], "big")
    return 40 + int.from_bytes(packet[4:6], "big") == len(packet)


def mended(rng, packet):
    """Half of the damaged get their CHECKSUM put right, or nearly all would fail by that alone."""
    if packet[0] >> 4 == 4:
        at = (packet[0] & 15) * 4
        if packet[9] == 51 and at + 2 <= len(packet):
            at += 4 * (packet[at + 1] + 2)
        field, stop = at + 2, at + 4 * packet[at + 9] if at + 10 <= len(packet) else 0
    else:
        at = 40
        if packet[6] == 0 and at + 2 <= len(packet):
            at += 8 * (packet[at + 1] + 1)
        field, stop = at + 6, at + 8 * (packet[at + 1] + 1) if at + 2 <= len(packet) else 0
    if field + 2 > stop or stop > len(packet):
        return packet
    cleared = packet[:field] + b"\0\0" + packet[field + 2 :]
    return packet[:field] + (model.folded(cleared[at:stop]) ^ 0xFFFF).to_bytes(2, "big") + packet[field + 2 :]


def check_damaged(tshark, rng, count):
    base = list(sound_packets(rng, 400))
    frames = []
    while len(frames) < count:
        packet = damaged(rng, rng.choice(base))
        frames.append(mended(rng, packet) if rng.random() < 0.7 and len(packet) > 44 else packet)
    path = tshark.folder / "damaged.pcap"
    capture.write(path, frames)
    tally = {"sound": 0, "bad": 0, "not Xcast": 0}
    for row, packet in zip(tshark.rows(path, len(frames)), frames):
        # A packet in a packet is judged only by what it does not break.
        is_nested = packet[9 if packet[0] >> 4 == 4 else 6] in (4, 41) or packet[0] >> 4 == 4 and packet[9] == 1
        if not is_whole(packet) or is_nested and not model.is_v2(packet) or row["xcast.format"].count(";"):
            continue
        values, bad = judge(packet)
        notes = capture.notes(row, capture.ERRORS)
        # It breaks off before it says that it is Xcast.
        if bad in ("AH length", "Hop-by-Hop", "truncated") and not row["xcast.format"] and not notes:
            continue
        if bad:
            tally["bad"] += 1
            if not notes and not (bad == "behind AH" and row["xcast.place.bad"]):
                fail(f"damaged: the model says {bad}", row, packet)
        elif values:
            tally["sound"] += 1
            compare("damaged", row, packet, values)
            if notes:
                fail("damaged, but not malformed", row, packet)
        else:
            tally["not Xcast"] += 1
    # Cut off by whoever captured: nothing is wrong with that.
    path = tshark.folder / "snapped.pcap"
    for snap in range(15, 140, 7):
        capture.write(path, base, snap)
        for row, packet in zip(tshark.rows(path, len(base)), base):
            if capture.notes(row, capture.ERRORS):
                fail(f"cut off after {snap} octets of the frame", row, packet)
    return tally


def check_preferences(tshark):
    """Other code points; and the summary that tshark prints by default."""
    path = tshark.folder / "preferences.pcap"
    four, six = cases.packed("224.0.0.99"), cases.packed("ff05::99")
    bitmap4 = b"\xde" + cases.option4()[1:]
    options = cases.options6(43, b"\x3d" + cases.bitmap6()[1:], cases.xcast6(
        cases.fields(6, in_header=False), following=60, data=cases.options6(17, cases.ports6(kind=0x5F), cases.UDP)))
    v2 = cases.v2(group=six, first=0x60123456).replace(b"\x11\x08\xfd", b"\x11\x08\xfb", 1)
    tunnel = cases.ipv6(0, cases.options6(41, b"\x1f\0\1\2\0\0", cases.ipv6(43, cases.xcast6())),
                        destination=cases.packed(cases.MEMBERS[6][0]))
    for packet, settings, expected in (
        (cases.ipv4(253, cases.xcast4()), ["xcast4_protocol:200"], {"format": None}),
        (
            cases.ipv4(200, cases.xcast4(), destination=four), ["xcast4_protocol:200", "routers_v4:224.0.0.99"],
            {"left": 3},
        ),
        (cases.ipv4(253, cases.separate4, options=bitmap4), ["bitmap_option_v4:222"], {"left": 3}),
        (cases.ipv4(253, cases.xcast4(wrong=1)), ["check_checksum:FALSE"], {"left": 3, "checksum.status": 2}),
        (cases.ipv6(43, cases.xcast6(), destination=six), ["routers_v6:ff05::99"], {"left": 3}),
        (cases.ipv6(43, cases.xcast6()), ["xcast6_routing_type:252"], {"format": None}),
        (cases.ipv6(0, options), ["bitmap_option_v6:61", "ports_option:95"], {"left": 3, "dst.port": [1, 2, 3]}),
        (v2, ["v2_routing_type:251", "v2_group:ff05::99", "v2_mark:60023456"], {"format": "XCAST6 2.0", "left": 3}),
        (tunnel, ["tunnel_option:31"], {"tunnel": "1f00"}),
        # Nonsense is no code point.
        (cases.ipv4(253, cases.xcast4(), destination=four), ["routers_v4:300.1", "v2_mark:12"], {"left": 3}),
        (cases.ipv6(43, cases.xcast6(), destination=six), ["routers_v6:12345::"], {"left": 3}),
        (cases.ipv4(253, cases.xcast4()), ["xcast6_routing_type:4711", "v2_group:12345::"], {"left": 3}),
    ):
        capture.write(path, [packet])
        (row,) = tshark.rows(path, 1, ["xcast." + setting for setting in settings])
        compare(f"preferences {settings}", row, packet, expected)
        if capture.notes(row, capture.NOTES):
            fail(f"preferences {settings}", row, packet)
    capture.write(path, [cases.ipv6(43, cases.xcast6())])
    line = tshark("-r", str(path))
    if "Xcast6 X, 3 of 3 left, UDP: " not in line:
        failures.append(f"summary {line!r}")


def check_blind(folder, packets):
    """Without fields, the Info column has what the header itself tells."""
    tshark = capture.Tshark(folder, blind=True)
    tshark.rows(folder / "damaged.pcap", packets)
    path = folder / "cases.pcap"
    sound = [packet for packet, _ in cases.right()]
    capture.write(path, sound)
    for row, packet in zip(tshark.rows(path, len(sound)), sound):
        values, _ = judge(packet)
        # Neither an option nor the group of XCAST6 2.0 is seen.
        if values and values["bitmap.place"] == "header" and not model.is_v2(packet):
            if f"{values['left']} of {values['count']} left" not in row["_ws.col.Info"]:
                fail(f"without fields: {row['_ws.col.Info']!r}", row, packet)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="for captures; anybody must be able to read there")
    parser.add_argument("captures", type=pathlib.Path, nargs="+", help="what the example wrote")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--damaged", type=int, default=6000, help="damaged packets (default 6000)")
    arguments = parser.parse_args()
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    tshark = capture.Tshark(arguments.folder)
    print(f"{tshark('--version').splitlines()[0]} seed {seed}")
    seen, checksums = check_captures(tshark, arguments.captures)
    sound, malformed = check_vectors(tshark)
    wrong, right = check_cases(tshark)
    check_preferences(tshark)
    tally = check_damaged(tshark, random.Random(seed), arguments.damaged)
    check_blind(arguments.folder, arguments.damaged)
    for failure in failures[:10]:
        print(f"FAILED {failure}")
    counts = [seen, checksums, sound, malformed, wrong, right, *tally.values()]
    if failures or 0 in counts:
        sys.exit(f"wireshark: {len(failures)} checks FAILED, counts {counts}")
    print(
        f"wireshark: {seen} Xcast packets of the example, {checksums} UDP checksums good; vectors: {sound} sound,"
        f" {malformed} malformed; by hand: {wrong} malformed, {right} sound; of {arguments.damaged} damaged:"
        f" {tally['bad']} malformed, {tally['sound']} still sound, {tally['not Xcast']} no longer Xcast; no Lua error"
    )


if __name__ == "__main__":
    main()
