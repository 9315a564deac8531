"""Programs' sockets, frames on links, and what is expected of both."""

import ipaddress
import os
import select
import socket
import struct
import time
from collections import namedtuple

from network import RECEIVERS, SOURCES, address, packet_socket, udp_socket
from nodes import GROUP, OWN_PORTS, PORT, SOURCE_PORT

# How long what has to come may take, and how long one waits for what must not come.
PATIENCE = 3.0
SETTLE = 0.06
MARK = b"not to be read on any link: "


Got = namedtuple("Got", "node family payload source port")


class Programs:
    """Ordinary UDP programs: at each receiver and in each family one at the port of all, and one at a port of its own.
    They know of Xcast nothing at all."""

    def __init__(self):
        self.sockets = {}
        for node in RECEIVERS:
            for family in (4, 6):
                for port in (PORT, OWN_PORTS[node]):
                    any_address = "0.0.0.0" if family == 4 else "::"
                    self.sockets[udp_socket(node, family, any_address, port)] = (node, family, port)
        self.got = []

    def read(self, seconds):
        ready, _, _ = select.select(list(self.sockets), [], [], seconds)
        for ready_socket in ready:
            try:
                payload, source = ready_socket.recvfrom(65536)
            except BlockingIOError:
                # What was there had a wrong checksum, which is looked at when it is read.
                continue
            node, family, port = self.sockets[ready_socket]
            self.got.append(Got(node, family, payload, source[:2], port))

    def who_got(self, payload, family, wanted):
        """Who got a datagram, once each time: waits for those wanted, and then for those that are not."""
        def matching():
            return sorted(got.node for got in self.got if got.family == family and got.payload == payload)
        end = time.monotonic() + PATIENCE
        while not set(wanted) <= set(matching()) and time.monotonic() < end:
            self.read(0.05)
        end = time.monotonic() + SETTLE
        while time.monotonic() < end:
            self.read(0.01)
        return matching()

    def sources_of(self, payload):
        return {got.source for got in self.got if got.payload == payload}

    def ports_of(self, payload):
        return {got.node: got.port for got in self.got if got.payload == payload}


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
        """Those since the last time that hold IP packets, as (packet, frame)."""
        found = []
        while True:
            try:
                frame = self.socket.recv(65536)
            except BlockingIOError:
                return found
            if struct.unpack_from("!H", frame, 12)[0] in (0x0800, 0x86DD):
                found.append((frame[14:], frame))

    def packets(self):
        return [packet for packet, _ in self.all()]

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
    """Whether it is to All_Xcast_Routers, behind AH or not."""
    return destination(packet) in GROUP.values()


def destination(packet):
    return str(ipaddress.ip_address(packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]))


def is_icmp_error(packet):
    protocol, rest = next_header(packet)
    if packet[0] >> 4 == 4:
        return protocol == socket.IPPROTO_ICMP and rest[0] in (3, 4, 11, 12)
    return protocol == socket.IPPROTO_ICMPV6 and rest[0] < 128


def is_udp(packet):
    return next_header(packet)[0] == socket.IPPROTO_UDP


def spi_at(frame, spi):
    """Where this SPI stands, in front of its sequence number."""
    at = frame.find(spi.to_bytes(4, "big"))
    if at < 0:
        raise RuntimeError(f"no SPI {spi:#010x}")
    return at
