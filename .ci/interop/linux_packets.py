"""IPv4, IPv6 and ICMP echo, written and read without the crate."""

import struct
from ipaddress import ip_address

ICMP, ICMP6, ESP, AH, NO_NEXT_HEADER = 1, 58, 50, 51, 59
HOP_BY_HOP, ROUTING, DESTINATION_OPTIONS = 0, 43, 60
NAMES = {ICMP: "ICMP", ICMP6: "ICMPv6", ESP: "ESP", AH: "AH"}


def checksum(octets):
    """The Internet checksum (RFC 1071)."""
    octets += bytes(len(octets) % 2)
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def family(address):
    return ip_address(address).version


def ip_packet(src, dst, protocol, payload, options=b""):
    """An IPv4 or IPv6 packet. `options` are IPv4 options, padded to 4 octets."""
    src, dst = ip_address(src), ip_address(dst)
    if src.version == 6:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + src.packed + dst.packed + payload
    header = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), 0, 0x4000, 64, protocol, 0)
    return with_header_checksum(header + src.packed + dst.packed + options + payload)


def with_header_checksum(packet):
    """An IPv4 packet with a right header checksum."""
    end = (packet[0] & 15) * 4
    header = packet[:10] + b"\0\0" + packet[12:end]
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + packet[end:]


def icmp(src, dst, kind, code, rest):
    """An ICMP or ICMPv6 message."""
    octets = struct.pack("!BBH", kind, code, 0) + rest
    over = octets
    if family(src) == 6:
        over = ip_address(src).packed + ip_address(dst).packed + struct.pack("!II", len(octets), ICMP6) + octets
    return octets[:2] + struct.pack("!H", checksum(over)) + octets[4:]


def echo(src, dst, number, payload, *, reply=False, chain=(), options=b""):
    """An echo request or reply. `number` is its identifier and sequence number as one; `chain` holds the extension headers
    in front of it: (number of the kind, contents from the third octet on)."""
    six = family(src) == 6
    kind = (129 if reply else 128) if six else (0 if reply else 8)
    octets = icmp(src, dst, kind, 0, struct.pack("!I", number) + payload)
    protocol = ICMP6 if six else ICMP
    for header, contents in reversed(chain):
        octets = bytes([protocol, (len(contents) + 2) // 8 - 1]) + contents + octets
        protocol = header
    return ip_packet(src, dst, protocol, octets, options)


class Packet:
    """A packet as it was received, taken apart. Raises ValueError if it is no sound one."""

    def __init__(self, octets):
        self.octets = octets
        version = octets[0] >> 4 if octets else None
        if len(octets) < {4: 20, 6: 40}.get(version, 2**16):
            raise ValueError(f"no IP packet: {octets.hex() or 'nothing'}")
        if version == 4:
            self.header_len = (octets[0] & 15) * 4
            (length,) = struct.unpack_from("!H", octets, 2)
            self.protocol, self.src, self.dst = octets[9], octets[12:16], octets[16:20]
            if checksum(octets[: self.header_len]) != 0:
                raise ValueError("wrong IPv4 header checksum")
        else:
            self.header_len = 40
            length = 40 + struct.unpack_from("!H", octets, 4)[0]
            self.protocol, self.src, self.dst = octets[6], octets[8:24], octets[24:40]
        if length != len(octets):
            raise ValueError(f"{len(octets)} octets, of which its header knows {length}")
        self.src, self.dst = str(ip_address(self.src)), str(ip_address(self.dst))
        self.payload = octets[self.header_len :]

    def __str__(self):
        name = NAMES.get(self.protocol, f"protocol {self.protocol}")
        return f"{name} from {self.src} to {self.dst}, {len(self.octets)} octets"

    def spi_and_sequence(self):
        """Those of the AH or ESP header directly behind the IP header."""
        at = {ESP: 0, AH: 4}.get(self.protocol)
        if at is None or len(self.payload) < at + 8:
            raise ValueError(f"neither AH nor ESP: {self}")
        return struct.unpack_from("!II", self.payload, at)

    def message(self):
        """(type, code, rest) of an ICMP or ICMPv6 message whose checksum is right."""
        if self.protocol not in (ICMP, ICMP6) or len(self.payload) < 8:
            raise ValueError(f"no ICMP message: {self}")
        kind, code, _ = struct.unpack_from("!BBH", self.payload)
        rest = self.payload[4:]
        if icmp(self.src, self.dst, kind, code, rest) != self.payload:
            raise ValueError("wrong ICMP checksum")
        return kind, code, rest


def flipped(packet, at, bit=0):
    """A copy with one bit another; with a right header checksum, that it be not lost for a wrong one."""
    octets = bytearray(packet)
    octets[at] ^= 1 << bit
    is_v4_header = packet[0] >> 4 == 4 and 0 < at % len(packet) < (packet[0] & 15) * 4
    return with_header_checksum(bytes(octets)) if is_v4_header else bytes(octets)


def changed_on_the_way(packet):
    """A copy as it may arrive after a router and a tunnel: hop limit, DSCP, ECN and flow label are others."""
    octets = bytearray(packet)
    if packet[0] >> 4 == 4:
        octets[1], octets[8] = 0x2B, 17
        return with_header_checksum(bytes(octets))
    octets[:4] = struct.pack("!I", 6 << 28 | 0x2B << 20 | 0xABCDE)
    octets[7] = 17
    return bytes(octets)
