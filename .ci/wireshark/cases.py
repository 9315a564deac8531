"""Packets made wrong by hand, one way each, and the expert note that each must get."""

import ipaddress
import struct

from model import ROUTERS, V2_GROUP, folded

SOURCE = {4: "192.0.2.1", 6: "2001:db8::1"}
MEMBERS = {4: ["10.1.0.1", "10.1.0.2", "10.1.0.3"], 6: ["2001:db8::b", "2001:db8::c", "2001:db8::d"]}
UDP = struct.pack("!HHHH", 4000, 5000, 12, 0) + b"data"
AH, ESP = 51, 50


def packed(text):
    return ipaddress.ip_address(text).packed


def ipv4(protocol, data, *, options=b"", flags=0x4000, source=SOURCE[4], destination=ROUTERS[0], total=None):
    total = 20 + len(options) + len(data) if total is None else total
    header = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, total, 0, flags, 64, protocol, 0)
    header += packed(source) + destination + options
    return header[:10] + struct.pack("!H", folded(header) ^ 0xFFFF) + header[12:] + data


def ipv6(following, data, *, source=SOURCE[6], destination=ROUTERS[1], hop_limit=64, first=6 << 28):
    return struct.pack("!IHBB", first, len(data), following, hop_limit) + packed(source) + destination + data


def ah(following, data, length=24):
    return bytes([following, length // 4 - 2, 0, 0]) + struct.pack("!II", 1, 1) + bytes(length - 12) + data


def esp():
    return struct.pack("!II", 1, 1) + bytes(24)


def padded(octets, unit):
    return octets + bytes(-len(octets) % unit)


def summed(header, at, wrong=0):
    return header[:at] + struct.pack("!H", (folded(header) ^ 0xFFFF) ^ wrong) + header[at + 2 :]


def fields(family, members=None, bits=0b111, dscps=None, ports=None, in_header=True, padding=b""):
    """What follows the fixed part."""
    members = MEMBERS[family] if members is None else members
    unit = 4 if family == 4 else 8
    body = (bits << 8 * unit - len(members)).to_bytes(unit, "big") if in_header else b""
    body += b"".join(packed(member) for member in members)
    if dscps:
        body += padded(bytes(dscps), unit)
    if ports:
        body += padded(struct.pack(f"!{len(ports)}H", *ports), unit)
    return (body[: -len(padding)] if padding else body) + padding


def xcast4(body=None, *, first=0x14, count=3, following=17, words=None, wrong=0, data=UDP):
    body = fields(4) if body is None else body
    words = 3 + len(body) // 4 if words is None else words
    return summed(bytes([first, count, 0, 0]) + bytes(4) + bytes([following, words, 0, 0]) + body, 2, wrong) + data


def xcast6(body=None, *, first=0x14, count=3, following=17, units=None, zero=0, wrong=0, data=UDP):
    body = fields(6) if body is None else body
    units = (24 + len(body)) // 8 - 1 if units is None else units
    return summed(bytes([following, units, 253, zero, first, count, 0, 0]) + bytes(16) + body, 6, wrong) + data


def option4(bits=b"\xe0\0\0\0", length=None, behind=b"\0\0"):
    return bytes([158, 2 + len(bits) if length is None else length]) + bits + behind


def options6(following, options, data):
    """A Hop-by-Hop or Destination Options header in front of `data`."""
    return bytes([following, (2 + len(options)) // 8 - 1]) + options + data


def bitmap6(bits=b"\xe0" + bytes(7), pad=b"\1\2\0\0"):
    return bytes([0x3E, len(bits)]) + bits + pad


def ports6(ports=(1, 2, 3), kind=0x5E, pad=b"\1\4\0\0\0\0"):
    return bytes([kind, 2 * len(ports)]) + struct.pack(f"!{len(ports)}H", *ports) + pad


def v2(*, count=3, units=None, flags=0x40, zero=0, reserved=0, bits=0b111, members=None, hop_limit=1, group=V2_GROUP,
       outer=None, first=0x65C58000, inner_more=0, data=UDP):
    members = MEMBERS[6] if members is None else members
    units = 2 + 2 * count if units is None else units
    routing = bytes([17, units, 253, zero, count, flags, 0, reserved]) + bits.to_bytes(16, "little")
    inner = ipv6(43, routing + b"".join(map(packed, members)) + data, destination=group, hop_limit=hop_limit)
    inner = inner[:4] + struct.pack("!H", len(inner) - 40 + inner_more) + inner[6:]
    return ipv6(41, inner, first=first, destination=packed(outer or members[0]))


separate4 = xcast4(fields(4, in_header=False))
separate6 = xcast6(fields(6, in_header=False))
MULTICAST = {4: "224.0.0.5", 6: "ff02::5"}


def with_member(family, index, address, bits=0b111, first=0x14):
    members = MEMBERS[family][:index] + [address] + MEMBERS[family][index + 1 :]
    return (xcast4 if family == 4 else xcast6)(fields(family, members, bits), first=first)


def wrong():
    """Pairs of a packet and the notes it must have, and no other."""
    v4, v6 = lambda data, **more: ipv4(253, data, **more), lambda data, **more: ipv6(43, data, **more)
    yield v4(xcast4(first=0x24)), {"version.unsupported"}
    yield v6(xcast6(first=0x24)), {"version.unsupported"}
    yield v4(xcast4(count=0)), {"count.zero"}
    yield v6(xcast6(count=0)), {"count.zero"}
    yield v4(xcast4(words=8)), {"length.bad", "checksum.bad"}
    yield v4(xcast4(words=2)), {"length.bad", "checksum.bad"}
    yield v6(xcast6(units=10)), {"length.bad", "checksum.bad"}
    yield v6(xcast6(units=0)), {"length.bad", "checksum.bad"}
    yield v4(xcast4(fields(4, 3 * MEMBERS[4], 0x1FF), first=0x16, count=9)), {"length.bad"}
    yield v4(xcast4(first=0x15)), {"length.bad"}
    yield v6(xcast6(fields(6, 3 * MEMBERS[6], 0x1FF), first=0x16, count=9)), {"length.bad"}
    yield v4(xcast4(count=5)), {"length.bad"}
    # Four octets of DSCPs that are not there are as long as a bitmap that is not there.
    yield v4(xcast4(first=0x16)), {"bitmap.place.bad"}
    yield v6(xcast6(zero=1)), {"segments_left"}
    yield v4(xcast4(b"\xe8\0\0\0" + fields(4)[4:])), {"bitmap.beyond_count"}
    yield v4(xcast4(b"\xe0\0\0\1" + fields(4)[4:])), {"bitmap.beyond_count"}
    yield v6(xcast6(b"\xe0" + bytes(6) + b"\1" + fields(6)[8:])), {"bitmap.beyond_count"}
    yield v4(xcast4(fields(4, dscps=(0, 0, 0), padding=b"\1"), first=0x16)), {"padding.nonzero"}
    yield v4(xcast4(fields(4, ports=(1, 2, 3), padding=b"\0\1"), first=0x15)), {"padding.nonzero"}
    yield v6(xcast6(fields(6, dscps=(0, 0, 0), padding=b"\0\0\0\0\1"), first=0x16)), {"padding.nonzero"}
    yield v4(xcast4(fields(4, dscps=(0, 1, 0)), first=0x16)), {"ds.low_bits"}
    yield v6(xcast6(fields(6, dscps=(0, 0, 2)), first=0x16)), {"ds.low_bits"}
    yield v4(xcast4(wrong=1)), {"checksum.bad"}
    yield v6(xcast6(wrong=0x100)), {"checksum.bad"}
    # The bitmap, and where it is.
    yield v4(separate4), {"bitmap.place.bad"}
    yield v6(separate6), {"bitmap.place.bad"}
    yield v4(xcast4(), options=option4()), {"bitmap.place.bad"}
    yield ipv6(0, options6(43, bitmap6(), xcast6())), {"bitmap.place.bad"}
    yield v4(separate4, options=option4(b"\xe0\0\0\0\0\0\0\0")), {"bitmap.option_length"}
    yield v4(separate4, options=option4(b"\xe0\0", behind=b"")), {"bitmap.option_length"}
    yield ipv6(0, options6(43, bitmap6(b"\xe0" + bytes(6), b"\1\3\0\0\0"), separate6)), {"bitmap.option_length"}
    yield v4(separate4, options=b"\1\1" + option4(behind=b"")), {"bitmap.option_place"}
    yield v4(separate4, options=option4(behind=b"") + option4()[:6]), {"option.repeated"}
    yield ipv6(0, options6(43, bitmap6(pad=b"") + bitmap6(pad=b"\1\0"), separate6)), {"option.repeated"}
    yield v4(separate4, options=option4(length=9)), {"option.overrun", "bitmap.place.bad"}
    yield v4(separate4, options=option4(length=1)), {"option.overrun", "bitmap.place.bad"}
    yield ipv6(0, options6(43, b"\x3e\x0d" + bytes(12), separate6)), {"option.overrun", "bitmap.place.bad"}
    yield v4(separate4, options=option4(behind=b"\0\1")), {"padding.nonzero"}
    yield ipv6(0, options6(43, bitmap6(pad=b"\1\2\0\1"), separate6)), {"padding.nonzero"}
    yield v4(separate4, options=option4(b"\xf0\0\0\0")), {"bitmap.beyond_count"}
    yield ipv6(0, options6(43, bitmap6(b"\xf0" + bytes(7)), separate6)), {"bitmap.beyond_count"}
    yield v4(xcast4(fields(4, in_header=False), first=0x1C), options=option4()), {"anonymous.separated"}
    yield ipv6(0, options6(43, bitmap6(), xcast6(fields(6, in_header=False), first=0x1C))), {"anonymous.separated"}
    # The Ports option.
    behind = lambda options, **more: v6(xcast6(following=60, data=options6(17, options, UDP), **more))
    yield behind(ports6((1, 2, 3, 4), pad=b"\1\2\0\0")), {"ports_option.count"}
    yield behind(ports6((1, 2), pad=b"\1\6" + bytes(6))), {"ports_option.count"}
    yield behind(b"\x5e\7" + bytes(7) + b"\1\3\0\0\0"), {"ports_option.count"}
    yield behind(ports6(pad=b"\1\4\0\0\0\1")), {"padding.nonzero"}
    yield behind(ports6(pad=b"") + ports6(pad=b"\1\4" + bytes(4))), {"option.repeated"}
    yield v6(xcast6(following=60, data=options6(60, ports6(), options6(17, ports6(), UDP)))), {"option.repeated"}
    yield behind(b"\x5e\x20" + bytes(12)), {"option.overrun"}
    # IPsec.
    yield ipv4(AH, ah(253, xcast4())), {"bitmap.under_ah"}
    yield ipv4(AH, ah(253, xcast4(fields(4, in_header=False), first=0x1C)), options=option4()), {
        "anonymous.ah", "anonymous.separated"
    }
    yield v4(xcast4(following=AH, data=ah(17, UDP))), {"ah.behind_xcast4"}
    yield ipv6(AH, ah(43, xcast6())), {"place.bad"}
    yield ipv4(AH, ah(253, xcast4(fields(4, in_header=False), first=0x10)), options=option4()), {"x_clear"}
    yield v4(xcast4(first=0x10, following=ESP, data=esp())), {"x_clear"}
    yield v6(xcast6(first=0x10, following=AH, data=ah(17, UDP))), {"x_clear"}
    yield v6(xcast6(first=0x10, following=60, data=options6(ESP, ports6(), esp()))), {"x_clear"}
    # Addresses.
    for address in ("224.0.0.5", "0.0.0.0", "127.0.0.1", "255.255.255.255", "169.254.1.1"):
        yield v4(with_member(4, 1, address)), {"dst.unusable"}
    for address in ("ff02::5", "::", "::1", "fe80::1", "febf::1", "::ffff:127.0.0.1"):
        yield v6(with_member(6, 2, address)), {"dst.unusable"}
    # A=0, and A=1 with the bit set; that with the bit clear is right.
    yield v4(with_member(4, 0, "0.0.0.0", 0b011)), {"dst.unusable"}
    yield v4(with_member(4, 0, "0.0.0.0", 0b111, 0x1C)), {"dst.unusable"}
    yield v4(with_member(4, 2, MEMBERS[4][0])), {"dst.duplicate"}
    yield v6(with_member(6, 2, MEMBERS[6][0])), {"dst.duplicate"}
    yield v4(xcast4(fields(4, [MEMBERS[4][0]] * 3, ports=(1, 2, 1)), first=0x15)), {"dst.duplicate"}
    same = fields(6, [MEMBERS[6][0]] * 3)
    yield v6(xcast6(same, following=60, data=options6(17, ports6((1, 2, 1)), UDP))), {"dst.duplicate"}
    yield v4(xcast4(), source=MULTICAST[4]), {"source.unusable"}
    yield v6(xcast6(), source=MULTICAST[6]), {"source.unusable"}
    yield v4(xcast4(fields(4, bits=0))), {"left.none"}
    yield v6(xcast6(fields(6, bits=0))), {"left.none"}
    yield v4(xcast4(), destination=packed("10.0.0.1")), {"group.other"}
    yield v6(xcast6(), destination=packed("2001:db8::99")), {"group.other"}
    # Ends.
    for end in (0, 1, 2, 11):
        if end:
            yield v4(xcast4()[:end]), {"truncated"}
    yield v4(xcast4()[:27]), {"truncated"}
    for end in (3, 4, 5, 23, 40, 79):
        yield v6(xcast6()[:end]), {"truncated"}
    # What the link appends is not the packet's.
    yield v4(xcast4()[:27]) + bytes(32), {"truncated"}
    yield v6(xcast6()[:40]) + bytes(64), {"truncated"}
    yield v6(xcast6(following=60, data=options6(17, ports6(), UDP)[:9])), {"truncated"}
    # Wireshark breaks off at a Traceroute option that is too short, and calls nobody where there is nothing.
    yield v4(xcast4(first=0x15), options=b"\x52\6" + bytes(6)), {"length.bad"}
    yield v4(b""), {"truncated"}
    for flags in (0x2000, 0x2002, 0x0002):
        yield v4(xcast4(), flags=flags), {"fragment"}
    # A Routing header of another type in front, with segments left.
    home = lambda left: bytes([43, 2, 2, left]) + bytes(4) + packed("2001:db8::7")
    yield v6(home(1) + xcast6()), {"source_route"}
    empty = b"\1\4\0\0\0\0"
    yield ipv6(60, options6(0, empty, options6(43, empty, xcast6()))), {"hop_by_hop.place"}
    # Semi-permeable tunnels.
    tunnel = lambda option, data, following=41, to=MEMBERS[6][0]: ipv6(
        0, options6(following, option, data), destination=packed(to)
    )
    yield tunnel(b"\x1e\0\1\2\0\0", v6(xcast6()), to="2001:db8::99"), {"tunnel.destination"}
    yield tunnel(b"\x1e\2\0\0\1\0", v6(xcast6())), {"tunnel.bad"}
    yield tunnel(b"\x1e\0\1\2\0\0", UDP, 17), {"tunnel.bad"}
    # XCAST6 2.0.
    yield v2(zero=1), {"segments_left"}
    yield v2(count=0), {"count.zero"}
    yield v2(count=127, units=0), {"v2.count.excess"}
    yield v2(units=7), {"length.bad"}
    yield v2(flags=0x41), {"v2.reserved"}
    yield v2(reserved=1), {"v2.reserved"}
    yield v2(bits=0b1111), {"bitmap.beyond_count"}
    yield v2(bits=0b111 | 1 << 127), {"bitmap.beyond_count"}
    yield v2(hop_limit=2), {"v2.hop_limit"}
    yield v2(outer=MEMBERS[6][1]), {"v2.outer_destination"}
    yield v2(bits=0b110), {"v2.outer_destination"}
    yield v2(first=0x60000000), {"v2.mark.missing"}
    yield v2(inner_more=-4), {"v2.inner_length"}
    yield v2(members=MEMBERS[6][:2], data=b""), {"truncated"}
    yield v2(members=[MEMBERS[6][0], "ff02::5", MEMBERS[6][2]]), {"dst.unusable"}


def right():
    """Pairs of a packet without a flaw and the values of some fields."""
    v4, v6 = lambda data, **more: ipv4(253, data, **more), lambda data, **more: ipv6(43, data, **more)
    yield v4(xcast4()), {"left": 3, "flags.x": True}
    yield v6(xcast6()), {"left": 3, "flags.x": True}
    yield v4(xcast4(first=0x10)), {"flags.x": False}
    yield v4(with_member(4, 0, "0.0.0.0", 0b011, 0x1C)), {"dst.erased": [True, False, False]}
    yield v6(with_member(6, 0, "::", 0b011, 0x1C)), {"dst.erased": [True, False, False]}
    yield ipv4(AH, ah(253, separate4), options=option4()), {"bitmap.place": "option", "left": 3}
    yield v4(separate4, options=option4(b"\xa0\0\0\0")), {"bitmap.place": "option", "left": 2}
    yield ipv6(0, options6(43, bitmap6(), separate6)), {"bitmap.place": "option"}
    yield v4(xcast4(fields(4, dscps=(0xB8, 0x28, 0), ports=(7, 8, 9)), first=0x17)), {
        "dst.port": [7, 8, 9], "dst.dscp": [46, 10, 0]
    }
    yield v6(xcast6(following=60, data=options6(17, ports6((7, 8, 9)), UDP))), {"dst.port": [7, 8, 9], "flags.p": True}
    yield v6(xcast6(following=60, data=options6(17, b"\1\4\0\0\0\0", UDP))), {"dst.port": []}
    yield v4(xcast4(count=0x83)), {"flags.r": True, "count": 3}
    yield v6(xcast6(first=0x15, count=0x83)), {"flags.r": True, "count": 3}
    # Twice the same address, for two ports, or with one bit clear.
    yield v4(xcast4(fields(4, [MEMBERS[4][0]] * 3, ports=(1, 2, 3)), first=0x15)), {"dst.port": [1, 2, 3]}
    yield v4(xcast4(fields(4, [MEMBERS[4][0]] * 2 + MEMBERS[4][2:], bits=0b101))), {"left": 2}
    yield v2(), {"format": "XCAST6 2.0", "left": 3, "v2.mark": "65c58000"}
    yield v2(first=0x65F58000), {"v2.mark": "65f58000"}
    yield v2(flags=0x80, bits=0b110, members=["::"] + MEMBERS[6][1:], outer=MEMBERS[6][1]), {
        "flags.a": True, "left": 2, "dst.erased": [True, False, False]
    }
    # A Routing header of another type, its segments visited.
    yield v6(bytes([43, 2, 2, 0]) + bytes(4) + packed("2001:db8::7") + xcast6()), {"left": 3}
    # Protocol 253 is Xcast4 in IPv4 only.
    yield ipv6(253, xcast4()), {"format": None}
    yield ipv4(41, ipv6(253, xcast4()), destination=packed("10.0.0.9")), {"format": None}
    # In tunnels: a configured one, and a semi-permeable one.
    yield ipv4(41, v6(xcast6()), destination=packed("10.0.0.9")), {"left": 3}
    yield ipv6(4, v4(xcast4()), destination=packed("2001:db8::9")), {"left": 3}
    yield ipv6(0, options6(41, b"\x1e\0\1\2\0\0", v6(xcast6())), destination=packed(MEMBERS[6][1])), {
        "tunnel": "1e00", "left": 3
    }
    # An ICMP error quotes the start of a packet.
    error = b"\3\4\0\0\0\0\0\0"
    for end, status in ((48, 1), (40, 2)):
        packet = ipv4(1, error + v4(xcast4())[:end], destination=packed(SOURCE[4]), source="192.0.2.9")
        yield packet, {"count": 3, "checksum.status": status}
    data = b"\1\1\0\0\0\0\0\0" + v6(xcast6())[:90]
    yield ipv6(58, data, destination=packed(SOURCE[6]), source="2001:db8::9"), {"count": 3, "checksum.status": 2}
