"""What there is to say about an Xcast packet, read here octet by octet: neither by the dissector nor by the crate."""

import ipaddress
import struct

XCAST = 253
ROUTERS = ipaddress.ip_address("224.0.0.254").packed, ipaddress.ip_address("ff02::114").packed
V2_GROUP = ipaddress.ip_address("ff0e::114").packed


class Bad(Exception):
    """The packet is malformed, or a checksum is wrong: what a reader refuses."""


def need(condition, what):
    if not condition:
        raise Bad(what)


def folded(octets):
    total = sum(struct.unpack(f"!{(len(octets) + 1) // 2}H", octets + bytes(len(octets) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def read(packet):
    """`None` if it is no Xcast packet, else the values of the fields, as the dissector names them. Raises `Bad`."""
    if packet[0] >> 4 == 4:
        return read_v4(packet)
    if is_v2(packet):
        return read_v2(packet)
    return read_v6(packet)


# --- Xcast4 -----------------------------------------------------------------------------------------------------------


def read_v4(packet):
    end = struct.unpack_from("!H", packet, 2)[0]
    at = (packet[0] & 15) * 4
    protocol, is_ah = packet[9], False
    fragment = struct.unpack_from("!H", packet, 6)[0] & 0x3FFF
    if protocol == 51 and not fragment and at + 12 <= end:
        protocol, is_ah = packet[at], True
        ah = 4 * (packet[at + 1] + 2)
        if protocol != XCAST:
            return None
        need(ah >= 12, "AH length")
        need(at + ah <= end, "truncated")
        at += ah
    if protocol != XCAST:
        return None
    need(not fragment, "fragment")
    need(folded(packet[: (packet[0] & 15) * 4]) == 0xFFFF, "IPv4 checksum")
    need(at + 2 <= end, "truncated")
    need(packet[at] >> 4 == 1, "version")
    option = v4_option(packet)
    values = common(packet[at:end], 4, option)
    values["behind AH"] = is_ah
    return values


def v4_option(packet):
    """The bitmap in option 158."""
    options, found, at = packet[20 : (packet[0] & 15) * 4], None, 0
    while at < len(options):
        if options[at] == 0:
            need(found is None or not any(options[at:]), "padding")
            break
        if options[at] == 1:
            at += 1
            continue
        need(at + 1 < len(options) and options[at + 1] >= 2 and at + options[at + 1] <= len(options), "option")
        if options[at] == 158:
            need(found is None, "repeated")
            need(at == 0, "place")
            found = options[2 : options[1]]
        at += options[at + 1]
    return found


# --- Xcast6 -----------------------------------------------------------------------------------------------------------


def extension(packet, at, end):
    need(at + 2 <= end and at + 8 * (packet[at + 1] + 1) <= end, "truncated")
    return at + 8 * (packet[at + 1] + 1)


def v6_option(octets, kind):
    """The data of the one option of a kind."""
    found, dirty, at = None, False, 0
    while at < len(octets):
        if octets[at] == 0:
            at += 1
            continue
        need(at + 1 < len(octets) and at + 2 + octets[at + 1] <= len(octets), "option")
        data = octets[at + 2 : at + 2 + octets[at + 1]]
        if octets[at] == kind:
            need(found is None, "repeated")
            found = data
        elif octets[at] == 1:
            dirty |= any(data)
        at += 2 + len(data)
    need(found is None or not dirty, "padding")
    return found


def read_v6(packet):
    end = 40 + struct.unpack_from("!H", packet, 4)[0]
    kind, at, hop_by_hop, is_ah = packet[6], 40, None, False
    while True:
        if kind == 43 and at + 3 <= end and packet[at + 2] == XCAST:
            break
        if kind in (0, 43, 60):
            need(kind != 0 or at == 40, "Hop-by-Hop")
            stop = extension(packet, at, end)
            if kind == 0:
                hop_by_hop = packet[at + 2 : stop]
        elif kind == 51:
            need(at + 12 <= end and packet[at + 1] >= 1, "AH length")
            stop, is_ah = at + 4 * (packet[at + 1] + 2), True
            need(stop <= end, "truncated")
        else:
            return None
        kind, at = packet[at], stop
    need(not is_ah, "behind AH")
    need(at + 6 <= end, "truncated")
    need(packet[at + 4] >> 4 == 1, "version")
    option = hop_by_hop and v6_option(hop_by_hop, 0x3E)
    values = common(packet[at:end], 6, option)
    at += values["header_len"]
    if values["next"] == 60:
        stop = extension(packet, at, end)
        ports = v6_option(packet[at + 2 : stop], 0x5E)
        kind = packet[at]
        while ports is not None and kind == 60:
            try:
                further = extension(packet, stop, end)
                other = v6_option(packet[stop + 2 : further], 0x5E)
            except Bad as bad:
                if str(bad) in ("repeated", "padding"):
                    raise
                break
            need(other is None, "repeated")
            kind, stop = packet[stop], further
        if ports is not None:
            need(len(ports) == 2 * values["count"], "ports")
            values["flags.p"] = True
            values["dst.port"] = list(struct.unpack(f"!{values['count']}H", ports))
    return values


# --- Both -------------------------------------------------------------------------------------------------------------


def common(octets, family, option):
    """An Xcast4 or Routing header at the start of `octets`, its VERSION seen to be 1."""
    fixed, flags_at, unit, size = (12, 0, 4, 4) if family == 4 else (24, 4, 8, 16)
    need(octets[flags_at + 1] & 127, "count")
    need(len(octets) >= fixed, "truncated")
    flags, count = octets[flags_at], octets[flags_at + 1] & 127
    need(family == 4 or octets[3] == 0, "segments left")
    has_d, has_p = bool(flags & 2), family == 4 and bool(flags & 1)
    word = 8 * unit
    bitmap_len = (count + word - 1) // word * unit
    where = {}
    at = fixed
    parts = [
        ("bitmap", 0 if option is not None else bitmap_len), ("addresses", size * count), ("ds", count * has_d),
        ("ports", 2 * count * has_p),
    ]
    for name, length in parts:
        where[name] = octets[at : at + length]
        padded = (length + unit - 1) // unit * unit
        where[name + " padding"] = octets[at + length : at + padded]
        at += padded
    announced = 4 * octets[9] if family == 4 else 8 * (octets[1] + 1)
    need(announced == at, "length")
    need(at <= len(octets), "truncated")
    bitmap = where["bitmap"] if option is None else option
    need(len(bitmap) == bitmap_len, "option length")
    number = int.from_bytes(bitmap, "big")
    bits = [bool(number >> (8 * len(bitmap) - 1 - index) & 1) for index in range(8 * len(bitmap))]
    need(not any(bits[count:]), "beyond")
    need(not any(octet & 3 for octet in where["ds"]), "ds")
    need(not any(where["ds padding"] + where["ports padding"]), "padding")
    need(folded(octets[:at]) == 0xFFFF, "checksum")
    addresses = [where["addresses"][size * index : size * (index + 1)] for index in range(count)]
    anonymous = bool(flags & 8)
    values = destinations(addresses, bits[:count], anonymous)
    values |= {
        "format": f"Xcast{family}", "version": 1, "flags.x": bool(flags & 4), "flags.d": has_d, "flags.p": has_p,
        "checksum": struct.unpack_from("!H", octets, flags_at + 2)[0], "checksum.status": 1,
        "channel": octets[flags_at + 4 : flags_at + (8 if family == 4 else 20)].hex(),
        "next": octets[8 if family == 4 else 0], "header_len": at, "bitmap": bitmap.hex(),
        "bitmap.place": "header" if option is None else "option",
        "dst.dscp": [octet >> 2 for octet in where["ds"]],
        "dst.port": list(struct.unpack(f"!{len(where['ports']) // 2}H", where["ports"])),
    }
    return values


def destinations(addresses, bits, anonymous):
    texts = [str(ipaddress.ip_address(address)) for address in addresses]
    v4 = len(addresses[0]) == 4
    pending = [text for text, bit in zip(texts, bits) if bit]
    return {
        "flags.a": anonymous, "count": len(addresses), "left": sum(bits), "dst.left": bits,
        "dst.ipv4": texts if v4 else [], "dst.ipv6": [] if v4 else texts,
        "pending.ipv4": pending if v4 else [], "pending.ipv6": [] if v4 else pending,
        "dst.erased": [anonymous and not bit and not any(address) for address, bit in zip(addresses, bits)],
    }


# --- XCAST6 2.0 -------------------------------------------------------------------------------------------------------


def is_v2(packet):
    return (
        len(packet) >= 83 and packet[0] == 0x65 and packet[1] & 0xCF == 0xC5 and packet[2:4] == b"\x80\0"
        and packet[6] == 41 and packet[40] >> 4 == 6 and packet[46] == 43 and packet[64:80] == V2_GROUP
        and packet[82] == XCAST
    )


def read_v2(packet):
    end = 40 + struct.unpack_from("!H", packet, 4)[0]
    need(struct.unpack_from("!H", packet, 44)[0] + 80 == end, "inner length")
    need(packet[47] == 1, "hop limit")
    routing = packet[80:end]
    need(len(routing) >= 24, "truncated")
    following, units, _, zero, count, flags, _, reserved = routing[:8]
    need(zero == 0, "segments left")
    need(0 < count <= 126, "count")
    need(units == 2 + 2 * count, "length")
    need(flags & 0x3F == 0 and reserved == 0, "reserved")
    need(len(routing) >= 24 + 16 * count, "truncated")
    number = int.from_bytes(routing[8:24], "little")
    need(number >> count == 0, "beyond")
    bits = [bool(number >> index & 1) for index in range(count)]
    addresses = [routing[24 + 16 * index : 40 + 16 * index] for index in range(count)]
    if any(bits):
        need(addresses[bits.index(True)] == packet[24:40], "outer destination")
    return destinations(addresses, bits, bool(flags & 0x80)) | {
        "format": "XCAST6 2.0", "flags.x": bool(flags & 0x40), "next": following, "header_len": 24 + 16 * count,
        "bitmap": routing[8:24].hex(), "bitmap.place": "header", "v2.mark": packet[:4].hex(),
        "v2.icmp_offset": routing[6],
    }
