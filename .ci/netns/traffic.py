"""Programs' sockets, frames on links, and what is expected of both."""

import os
import select
import socket
import struct
import time

from network import RECEIVERS, SOURCES, address, packet_socket, udp_socket
from nodes import PORT, SOURCE_PORT

# How long what has to come may take, and how long one waits for what must not come.
PATIENCE = 3.0
SETTLE = 0.06
MARK = b"not to be read on any link: "


class Programs:
    """One ordinary UDP program per receiver and family. They know of Xcast nothing at all."""

    def __init__(self):
        self.sockets = {}
        for node in RECEIVERS:
            for family in (4, 6):
                any_address = "0.0.0.0" if family == 4 else "::"
                self.sockets[udp_socket(node, family, any_address, PORT)] = (node, family)
        self.got = []

    def read(self, seconds):
        ready, _, _ = select.select(list(self.sockets), [], [], seconds)
        for ready_socket in ready:
            node, family = self.sockets[ready_socket]
            payload, source = ready_socket.recvfrom(65536)
            self.got.append((node, family, payload, source[0], source[1]))
        return bool(ready)

    def who_got(self, payload, family, wanted):
        """Who got a datagram, once each time: waits for those wanted, and then for those that are not."""
        def matching():
            return sorted(node for node, at, octets, *_ in self.got if at == family and octets == payload)
        end = time.monotonic() + PATIENCE
        while not set(wanted) <= set(matching()) and time.monotonic() < end:
            self.read(0.05)
        end = time.monotonic() + SETTLE
        while time.monotonic() < end:
            self.read(0.01)
        return matching()

    def sources_of(self, payload):
        return {(source, port) for _, _, octets, source, port in self.got if octets == payload}


def wanted_source(family, protection):
    return {(address(family, 1, SOURCES[protection]), SOURCE_PORT)}


class Senders:
    """The programs at s that give their datagrams to the sender nodes."""

    def __init__(self):
        self.socket = udp_socket("s", 4, "127.0.0.1", 0)

    def payload(self, size=80):
        """A datagram like no other."""
        head = MARK + os.urandom(8).hex().encode()
        return head + b"." * (size - len(head))

    def send(self, payload, listen):
        self.socket.sendto(payload, ("127.0.0.1", listen))


class Frames:
    """The frames of a link, as a node at its end sees them."""

    def __init__(self, node, link):
        self.socket = packet_socket(node, link)

    def all(self):
        """Those since the last time, as (EtherType, packet)."""
        found = []
        while True:
            try:
                frame, address_of = self.socket.recvfrom(65536)
            except BlockingIOError:
                return found
            del address_of
            found.append((struct.unpack_from("!H", frame, 12)[0], frame[14:], frame))

    def send(self, frame):
        self.socket.send(frame)


def next_header(packet):
    """The protocol of an IPv4 or IPv6 packet, and what follows the IP header."""
    if packet[0] >> 4 == 4:
        return packet[9], packet[(packet[0] & 15) * 4:]
    return packet[6], packet[40:]


def is_tunnel(packet):
    """Whether it is a packet in a packet, semi-permeable or not: 'plain', 'semi-permeable' or None."""
    protocol, rest = next_header(packet)
    if packet[0] >> 4 == 6 and protocol == 0 and len(rest) > 2 and rest[0] == 41 and rest[2] == 0x1E:
        return "semi-permeable"
    return "plain" if protocol in (4, 41) else None


def is_xcast(packet):
    protocol, rest = next_header(packet)
    if packet[0] >> 4 == 4:
        return protocol == 253
    return protocol == 43 and len(rest) > 2 and rest[2] == 253


def is_udp(packet):
    return next_header(packet)[0] == socket.IPPROTO_UDP


def esp_at(packet, spi):
    """Where the ESP header with this SPI starts."""
    at = packet.find(spi.to_bytes(4, "big"))
    if at < 0:
        raise RuntimeError("no ESP header")
    return at
