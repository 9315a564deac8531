"""Random packets, plain and Xcast, made here octet by octet: neither by the crate nor by the peer it talks to."""

import ipaddress
import struct

HOP_BY_HOP, TCP, UDP, ROUTING, ESP, AH, NONE, DESTINATION_OPTIONS = 0, 6, 17, 43, 50, 51, 59, 60
# Unassigned: nobody looks into it.
OPAQUE = 200
XCAST4_PROTOCOL = XCAST6_ROUTING_TYPE = 253
ROUTERS = {4: "224.0.0.254", 6: "ff02::114"}
# AH covers these IPv4 options as they stand; all others count as zero (RFC 4302 §A1).
IMMUTABLE_OPTIONS = (0, 1, 130, 133, 134, 148, 149)
BITMAP_OPTION = {4: 158, 6: 0x3E}


def packed(address):
    return ipaddress.ip_address(address).packed


def ends(packet):
    """Source and destination address."""
    at, length = (12, 4) if version(packet) == 4 else (8, 16)
    parts = packet[at : at + length], packet[at + length : at + 2 * length]
    return tuple(str(ipaddress.ip_address(part)) for part in parts)


def checksum(octets):
    total = sum(struct.unpack(f"!{(len(octets) + 1) // 2}H", octets + bytes(len(octets) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def version(packet):
    return packet[0] >> 4


# --- Addresses and payloads -------------------------------------------------------------------------------------------


def address(rng, family):
    if family == 4:
        return f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
    return str(ipaddress.ip_address(bytes.fromhex("20010db8") + rng.randbytes(11) + b"\x01"))


def payload(rng, source, destination, size):
    """Protocol and octets of something that is `size` octets long."""
    choices = [OPAQUE] + [UDP] * (size >= 8) + [TCP] * (size >= 20)
    protocol = rng.choice(choices)
    data = rng.randbytes(size)
    # Ports that mean nothing to anybody.
    ports = struct.pack("!HH", rng.randrange(50000, 60000), rng.randrange(50000, 60000))
    if protocol == UDP:
        at, octets = 6, ports + struct.pack("!HH", size, 0) + data[8:]
    elif protocol == TCP:
        at, octets = 16, ports + data[4:12] + b"\x50\x10" + data[14:16] + bytes(4) + data[20:]
    else:
        return protocol, data
    source, destination = packed(source), packed(destination)
    pseudo = source + destination + struct.pack("!IHBB", size, 0, 0, protocol)
    return protocol, octets[:at] + struct.pack("!H", checksum(pseudo + octets) or 0xFFFF) + octets[at + 2 :]


# --- IP ---------------------------------------------------------------------------------------------------------------


def ipv4(source, destination, protocol, data, *, options=b"", tos=0, identification=0, df=True, ttl=64):
    options += bytes(-len(options) % 4)
    header = struct.pack(
        "!BBHHHBBH4s4s", 0x45 + len(options) // 4, tos, 20 + len(options) + len(data), identification, df << 14, ttl,
        protocol, 0, packed(source), packed(destination)
    )
    return refreshed(header + options + data)


def ipv6(source, destination, next_header, data, *, traffic_class=0, flow=0, hop_limit=64):
    first = 6 << 28 | traffic_class << 20 | flow
    header = struct.pack("!IHBB", first, len(data), next_header, hop_limit)
    return header + packed(source) + packed(destination) + data


def refreshed(packet):
    """An IPv4 packet with its header checksum set right; an IPv6 packet as it is."""
    if version(packet) == 6:
        return packet
    end = (packet[0] & 15) * 4
    cleared = packet[:10] + b"\0\0" + packet[12:end]
    return packet[:10] + struct.pack("!H", checksum(cleared)) + packet[12:]


def options_header(next_header, options):
    """Hop-by-Hop or Destination Options, padded."""
    missing = -(2 + len(options)) % 8
    if missing == 1:
        options += b"\0"
    elif missing:
        options += bytes([1, missing - 2]) + bytes(missing - 2)
    return bytes([next_header, (2 + len(options)) // 8 - 1]) + options


# Of each some whose data AH covers and some whose data count as zero.
V4_OPTIONS = (
    lambda rng: b"\x01",
    lambda rng: b"\x94\x04\0\0",
    lambda rng: b"\x82\x0b" + rng.randbytes(9),
    lambda rng: b"\x07\x07\x04" + rng.randbytes(4),
    # One time stamp: scapy knows no longer ones.
    lambda rng: b"\x44\x08\x05\0" + rng.randbytes(4),
    lambda rng: b"\x88\x04" + rng.randbytes(2),
    lambda rng: bytes([158, 8]) + rng.randbytes(6),
    lambda rng: bytes([rng.choice((30, 94, 222)), 6]) + rng.randbytes(4),
)
V6_OPTIONS = (
    # Router Alert must be aligned to 2 octets: all are of even length.
    lambda rng: b"\x05\x02\0\0",
    lambda rng: b"\0\0",
    lambda rng: bytes([rng.choice((0x0C, 0x4C, 0xCC)), 4]) + rng.randbytes(4),
    lambda rng: bytes([rng.choice((0x2C, 0x6C, 0xEC)), 6]) + rng.randbytes(6),
    lambda rng: bytes([0x2D, 0]),
)


def some(rng, makers, limit):
    octets = b""
    for _ in range(rng.randrange(4)):
        more = rng.choice(makers)(rng)
        if len(octets) + len(more) <= limit:
            octets += more
    return octets


def plain(rng, family, size, *, options=True):
    """A unicast packet with `size` octets behind the IP header and, in IPv6, behind a Hop-by-Hop header."""
    source, destination = address(rng, family), address(rng, family)
    if family == 4:
        protocol, data = payload(rng, source, destination, size)
        return ipv4(
            source, destination, protocol, data, options=some(rng, V4_OPTIONS, 40) if options else b"",
            tos=rng.randrange(256), identification=rng.randrange(1 << 16), df=rng.random() < 0.5,
            ttl=rng.randrange(2, 256)
        )
    destination_options = options_header(0, some(rng, V6_OPTIONS, 40)) if options and rng.random() < 0.3 else b""
    if len(destination_options) > size:
        destination_options = b""
    protocol, data = payload(rng, source, destination, size - len(destination_options))
    if destination_options:
        protocol, data = DESTINATION_OPTIONS, bytes([protocol]) + destination_options[1:] + data
    # A payload shorter than a header, behind one, is beyond scapy.
    if options and size >= 8 and rng.random() < 0.4:
        protocol, data = HOP_BY_HOP, options_header(protocol, some(rng, V6_OPTIONS, 40)) + data
    return ipv6(
        source, destination, protocol, data, traffic_class=rng.randrange(256), flow=rng.randrange(1 << 20),
        hop_limit=rng.randrange(2, 256)
    )


def in_transit(rng, packet):
    """The packet with other DSCP, ECN, TTL and flow label, as routers may change them."""
    if version(packet) == 4:
        ttl = rng.randrange(1, 256)
        return refreshed(packet[:1] + rng.randbytes(1) + packet[2:8] + bytes([ttl]) + packet[9:])
    first = 6 << 28 | rng.randrange(1 << 28)
    return struct.pack("!I", first) + packet[4:7] + bytes([rng.randrange(1, 256)]) + packet[8:]


def traffic_class(packet):
    return packet[1] if version(packet) == 4 else (packet[0] << 4 | packet[1] >> 4) & 0xFF


def out_of_tunnel(inner, outer):
    """The inner packet as it leaves the tunnel: having experienced congestion if the outer one did and its transport
    listens (RFC 4301 §5.1.2.1)."""
    if traffic_class(inner) & 3 == 0 or traffic_class(outer) & 3 != 3:
        return inner
    bits = 3 if version(inner) == 4 else 0x30
    return refreshed(inner[:1] + bytes([inner[1] | bits]) + inner[2:])


def with_front_of(packet, changed):
    """`packet` with the mutable fields of the fixed header of `changed`."""
    if version(packet) == 4:
        return refreshed(packet[:1] + changed[1:2] + packet[2:8] + changed[8:9] + packet[9:])
    return changed[:4] + packet[4:7] + changed[7:8] + packet[8:]


# --- Xcast (RFC 5058 §9) ----------------------------------------------------------------------------------------------


class Xcast:
    """A random Xcast packet to All_Xcast_Routers, with X=1."""

    def __init__(self, rng, family, size, *, separated=False, anonymous=None, ports=None):
        self.family, self.separated = family, separated
        count = rng.randrange(1, 8)
        self.source = address(rng, family)
        destinations = [packed(address(rng, family)) for _ in range(count)]
        self.anonymous = not separated and rng.random() < 0.3 if anonymous is None else anonymous
        self.ports = rng.random() < 0.4 if ports is None else ports
        dscps = rng.random() < 0.3
        # EF or nothing: any two of these may be in one packet.
        classes = bytes(rng.choice((0xB8, 0)) for _ in range(count)) if dscps else b""
        port_list = struct.pack(f"!{count}H", *(rng.randrange(1, 1 << 16) for _ in range(count)))
        bits = rng.randrange(1, 1 << count) << 8 - count
        unit = 4 if family == 4 else 8
        self.bitmap = bytes([bits]) + bytes(unit - 1)
        self.protocol, self.data = payload(rng, self.source, ROUTERS[family], size)
        self.rng_fields = rng.randrange(256), rng.randrange(1 << 20), rng.randrange(2, 256)
        flags = 0x14 | self.anonymous << 3 | dscps << 1
        channel = rng.randbytes(4 if family == 4 else 16)
        body = b"" if separated else self.bitmap
        body += b"".join(destinations) + classes + bytes(-len(classes) % unit)
        if family == 4:
            flags |= self.ports
            body += (port_list + bytes(-len(port_list) % 4)) * self.ports
            self.header = bytes([flags, count, 0, 0]) + channel + bytes([0, 3 + len(body) // 4, 0, 0]) + body
        else:
            body = bytes([flags, count, 0, 0]) + channel + body
            self.header = bytes([0, (4 + len(body)) // 8 - 1, XCAST6_ROUTING_TYPE, 0]) + body
        self.port_header = options_header(0, bytes([0x5E, 2 * count]) + port_list) if self.ports and family == 6 else b""

    def xcast_header(self, next_protocol):
        """The Xcast4 or Routing header in front of `next_protocol`."""
        at, checksum_at = (8, 2) if self.family == 4 else (0, 6)
        header = self.header[:at] + bytes([next_protocol]) + self.header[at + 1 :]
        return header[:checksum_at] + struct.pack("!H", checksum(header)) + header[checksum_at + 2 :]

    def packet(self):
        return self.around(self.protocol, self.data)

    def around(self, protocol, data):
        """The packet, with something else behind the Xcast headers."""
        traffic_class, flow, hop_limit = self.rng_fields
        if self.family == 4:
            options = bytes([158, 2 + len(self.bitmap)]) + self.bitmap if self.separated else b""
            return ipv4(
                self.source, ROUTERS[4], XCAST4_PROTOCOL, self.xcast_header(protocol) + data, options=options,
                tos=traffic_class, ttl=hop_limit
            )
        if self.port_header:
            protocol, data = DESTINATION_OPTIONS, bytes([protocol]) + self.port_header[1:] + data
        protocol, data = ROUTING, self.xcast_header(protocol) + data
        if self.separated:
            option = bytes([BITMAP_OPTION[6], len(self.bitmap)]) + self.bitmap
            protocol, data = HOP_BY_HOP, options_header(protocol, option) + data
        return ipv6(
            self.source, ROUTERS[6], protocol, data, traffic_class=traffic_class, flow=flow, hop_limit=hop_limit
        )


# --- Finding and covering ---------------------------------------------------------------------------------------------


def extension_headers(packet):
    """Kind, start and end of each header between an IP header and AH, ESP or transport header, and then the kind and start
    of that. An Xcast4 header counts."""
    kind, at = (packet[9], (packet[0] & 15) * 4) if version(packet) == 4 else (packet[6], 40)
    found = []
    # The shortest of them have 8 octets; one of those may be the last thing there is.
    while at + 8 <= len(packet):
        if version(packet) == 6 and kind in (HOP_BY_HOP, ROUTING, DESTINATION_OPTIONS):
            following, end = packet[at], at + 8 * (packet[at + 1] + 1)
        elif version(packet) == 4 and kind == XCAST4_PROTOCOL and at + 10 <= len(packet):
            following, end = packet[at + 8], at + 4 * packet[at + 9]
        else:
            break
        found.append((kind, at, end))
        kind, at = following, end
    return found, kind, at


def protection_at(packet):
    """Where AH or ESP starts."""
    _, kind, at = extension_headers(packet)
    assert kind in (AH, ESP), f"neither AH nor ESP but {kind} at {at} of {packet.hex()}"
    return at


def ah_image(packet, icv_len, *, coverage="covered"):
    """What AH's ICV covers, but for the upper half of the sequence number, read out of RFC 4302 once more. `coverage` is
    how much of an Xcast6 Routing header counts."""
    image = bytearray(packet)
    headers, kind, at = extension_headers(packet)
    assert kind == AH
    image[at + 12 : at + 12 + icv_len] = bytes(icv_len)
    if version(packet) == 4:
        image[1] = image[8] = 0
        image[6:8] = image[10:12] = b"\0\0"
        option = 20
        while option < (packet[0] & 15) * 4:
            length = 1 if packet[option] < 2 else packet[option + 1]
            if packet[option] not in IMMUTABLE_OPTIONS:
                image[option : option + length] = bytes(length)
            option += length
        return bytes(image)
    image[:4] = b"\x60\0\0\0"
    image[7] = 0
    for kind, start, end in headers:
        if kind == ROUTING:
            if packet[start + 2] != XCAST6_ROUTING_TYPE or coverage == "covered":
                continue
            if coverage == "data-zeroed":
                image[start + 4 : end] = bytes(end - start - 4)
                continue
            count = packet[start + 5] & 127
            addresses = start + 24 + 8 * ((count + 63) // 64)
            last = addresses + 16 * count if packet[start + 4] & 8 else addresses
            image[start + 6 : start + 8] = b"\0\0"
            image[start + 24 : last] = bytes(last - start - 24)
            continue
        option = start + 2
        while option < end:
            length = 1 if packet[option] == 0 else 2 + packet[option + 1]
            if packet[option] & 0x20:
                image[option + 2 : option + length] = bytes(length - 2)
            option += length
    return bytes(image)
