#!/usr/bin/env python3
"""AH and ESP between the crate and a Linux kernel, both ways: `linux` starts it.

For every case there are two addresses and an association or more for each direction. Protected by the crate, an ICMP echo
request goes to the kernel; the kernel's reply comes back protected by the kernel, and is opened by the crate. Packets that
were changed or sent twice must be refused by both. What the kernel did with those is read off its statistics.
"""

import argparse
import contextlib
import itertools
import os
import re
import signal
import sys
import tempfile
import time

from linux_cases import CIPHERS, COMBINED, GUEST, INTEGRITY, PROTOCOLS, Association, Cases, addresses
from linux_guest import Guest, GuestError, initramfs
from linux_packets import (
    DESTINATION_OPTIONS, HOP_BY_HOP, ICMP6, NO_NEXT_HEADER, ROUTING, Packet, changed_on_the_way, checksum, echo, family,
    flipped, ip_packet,
)
from ours import Ours, Refused

# What our errors say.
UNKNOWN_SPI, WRONG_ICV, SEEN = "no security association", "integrity check value", "already seen or too old"
# What the kernel counts in /proc/net/xfrm_stat.
NO_STATE, REPLAYED, NOT_AUTHENTIC = "XfrmInNoStates", "XfrmInStateSeqError", "XfrmInStateProtoError"
NOT_PROTECTED, COUNTER_AT_ITS_END = "XfrmInTmplMismatch", "XfrmOutStateSeqError"
# Lengths of payload: every residue of every block, and long ones.
LENGTHS = [*range(17), 255, 1300]
# Of the RFC 4727 experiment.
XCAST6_ROUTING_TYPE = 253
PATIENCE = 10
MOST_FAILURES = 10


class Failure(Exception):
    """A case went wrong."""


def expect(condition, complaint):
    if not condition:
        raise Failure(complaint)


# --- A run ------------------------------------------------------------------------------------------------------------


class Tally:
    """What happened, of one case or of all."""

    def __init__(self):
        self.to_linux = self.from_linux = self.refused_by_linux = self.refused_by_us = 0

    def add(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


class Run:
    """Cases between the crate and the guest."""

    def __init__(self, guest, peer):
        self.guest, self.peer = guest, peer
        self.tally, self.notes = Tally(), []
        self.numbers, self.counters = itertools.count(0x10000), {}
        # Associations of which the crate has opened a packet. Before, with ESN, it must be told where they are.
        self.begun = set()

    # --- Ours to Linux ---

    def seal(self, association, sequence, packet, **more):
        """Seals, or returns why not."""
        try:
            return self.peer.seal(association.vector(), packet, sequence, **{**association.more(sequence), **more})
        except Refused as why:
            return why

    def protect(self, case, packet, **more):
        """Seals in all of the case's associations, with the next numbers."""
        for association in case.inbound:
            case.sent[association.spi] += 1
            packet = self.seal(association, case.sent[association.spi], packet, **more)
            expect(isinstance(packet, bytes), f"our sealing: {packet}")
            if association.cipher == "null":
                self.check_padding(packet[: -INTEGRITY[association.integrity][2] // 8])
        return packet

    def check_padding(self, esp):
        """That padding is 1, 2, 3, … (RFC 4303 §2.4) and no longer than it must be: the kernel does not look at it."""
        length = esp[-2]
        expect(length < 4 and esp[-2 - length : -2] == bytes(range(1, length + 1)), f"padding {esp[-2 - length:].hex()}")

    def request(self, case, payload, **parts):
        """(number, protected echo request)."""
        number = next(self.numbers)
        return number, self.protect(case, echo(case.src, case.dst, number, payload, **parts))

    def statistics(self):
        lines = self.guest.output("statistics").splitlines()
        return {name: int(value) for name, value in map(str.split, lines)}

    def counted(self, what):
        """What the kernel has counted since this was asked last, once that is anything."""
        deadline = time.monotonic() + PATIENCE
        while (now := self.statistics()) == self.counters:
            expect(time.monotonic() < deadline, f"{what}: Linux did nothing")
            self.silent(what)
        grown = {name: now[name] - self.counters.get(name, 0) for name in now}
        self.counters = now
        return {name: value for name, value in grown.items() if value}

    def refused_by_linux(self, packet, counter, what):
        """Sends what the kernel must drop, and count at `counter`, and it alone, also of all that was sent before."""
        self.silent(f"before {what}")
        self.guest.send(packet)
        grown = self.counted(what)
        self.silent(what)
        expect(grown == {counter: 1}, f"{what}: Linux counts {grown}, not {counter}")
        self.tally.refused_by_linux += 1

    def silent(self, what):
        packet = self.guest.receive(0)
        expect(packet is None, f"{what}: Linux sent {packet and Packet(packet)}")

    def forget(self):
        """After a failure: what is still on its way is not the next case's."""
        time.sleep(0.2)
        while self.guest.receive(0.05):
            pass
        self.counters = self.statistics()

    # --- Linux to us ---

    def receive(self, case):
        """The next packet of the guest, protected as the case says: it is numbered, and not opened."""
        octets = self.guest.receive(PATIENCE)
        if octets is None:
            raise Failure(f"no reply; Linux counts {self.counted('request')}")
        packet = Packet(octets)
        for association in case.outbound:
            case.received[association.spi] += 1
        association = case.outbound[-1]
        expect(packet.protocol == PROTOCOLS[association.protocol], f"the reply is not protected: {packet}")
        got = (packet.src, packet.dst, *packet.spi_and_sequence())
        wanted = (association.src, association.dst, association.spi, case.received[association.spi] & 0xFFFFFFFF)
        expect(got == wanted, f"the reply has {got}, not {wanted}")
        return octets

    def open(self, association, packet, session, **more):
        """Opens, or returns why not: (packet, sequence number)."""
        try:
            return self.peer.open(association.vector(), packet, session=session, **{**association.more(), **more})
        except Refused as why:
            return why, None

    def unprotect(self, case, packet, sequences=None, **more):
        """Opens in all of the case's associations."""
        for association in reversed(case.outbound):
            wanted = (sequences or case.received)[association.spi]
            if association.esn and association.spi not in self.begun:
                more = {**more, "seq_hi": wanted >> 32}
            packet, sequence = self.open(association, packet, case.name, **more)
            expect(isinstance(packet, bytes), f"our opening: {packet}")
            expect(sequence == wanted, f"our opening found number {sequence}, not {wanted}")
            self.begun.add(association.spi)
        return packet

    def refused_by_us(self, case, packet, error, what):
        got = self.open(case.outbound[-1], packet, case.name)[0]
        expect(not isinstance(got, bytes), f"{what}: opened by us")
        expect(error in str(got), f"{what}: our error is {got}, not {error}")
        self.tally.refused_by_us += 1

    # --- Both ways ---

    def check_reply(self, case, packet, number, payload):
        packet = Packet(packet)
        expect((packet.src, packet.dst) == (case.reply_from, case.src), f"not the reply: {packet}")
        kind, code, rest = packet.message()
        wanted = (0 if family(case.src) == 4 else 129, 0, number.to_bytes(4, "big") + payload)
        expect((kind, code, rest) == wanted, f"the reply has type {kind}, code {code} and not the payload")

    def exchange(self, case, number, request, payload, change=lambda packet: packet):
        """Sends a request and checks its reply, which it returns as it arrived."""
        self.guest.send(change(request))
        reply = self.receive(case)
        hidden = any(association.cipher not in (None, "null") for association in case.outbound)
        expect(not (hidden and len(payload) > 8 and payload in reply), "the reply is not encrypted")
        self.check_reply(case, self.unprotect(case, change(reply)), number, payload)
        self.tally.to_linux += 1
        self.tally.from_linux += 1
        return reply

    def ping(self, case, length=56, **parts):
        payload = pattern(length)
        return self.exchange(case, *self.request(case, payload, **parts), payload)


def pattern(length):
    return bytes((index * 7 + length) & 0xFF for index in range(length))


def flips(association, packet):
    """Single bits to change in a packet: (what, where, bit, what the kernel then counts, our error)."""
    at = Packet(packet).header_len
    if association.protocol == "esp":
        yield "SPI flipped", at, 7, NO_STATE, UNKNOWN_SPI
        yield "sequence number flipped", at + 5, 4, NOT_AUTHENTIC, WRONG_ICV
        yield "first octet flipped", at + 8, 0, NOT_AUTHENTIC, WRONG_ICV
        yield "ICV flipped", len(packet) - 1, 0, NOT_AUTHENTIC, WRONG_ICV
        return
    yield "SPI flipped", at + 4, 7, NO_STATE, UNKNOWN_SPI
    yield "sequence number flipped", at + 9, 4, NOT_AUTHENTIC, WRONG_ICV
    yield "reserved field flipped", at + 3, 0, NOT_AUTHENTIC, WRONG_ICV
    yield "ICV flipped", at + 12, 0, NOT_AUTHENTIC, WRONG_ICV
    yield "payload flipped", len(packet) - 1, 0, NOT_AUTHENTIC, WRONG_ICV
    if packet[0] >> 4 == 4:
        yield "identification flipped", 5, 0, NOT_AUTHENTIC, WRONG_ICV
    yield "source address flipped", 15 if packet[0] >> 4 == 4 else 23, 0, NOT_AUTHENTIC, UNKNOWN_SPI


# --- What is done with a case -----------------------------------------------------------------------------------------


def everything(run, case):
    """Lengths, bits flipped, numbers repeated, hop limits changed, no protection at all."""
    run.ping(case)
    payload = pattern(40)
    number, request = run.request(case, payload)
    # Before the packet itself, which shows that the window has not moved for them.
    for what, at, bit, counter, _ in flips(case.inbound[-1], request):
        run.refused_by_linux(flipped(request, at, bit), counter, f"request, {what}")
    run.guest.send(request)
    reply = run.receive(case)
    for what, at, bit, _, error in flips(case.outbound[-1], reply):
        run.refused_by_us(case, flipped(reply, at, bit), error, f"reply, {what}")
    run.check_reply(case, run.unprotect(case, reply), number, payload)
    run.tally.to_linux += 1
    run.tally.from_linux += 1
    run.refused_by_linux(request, REPLAYED, "request sent again")
    run.refused_by_us(case, reply, SEEN, "reply sent again")
    run.refused_by_linux(echo(case.src, case.dst, number, payload), NOT_PROTECTED, "request without protection")
    for length in LENGTHS:
        run.ping(case, length)
    run.exchange(case, *run.request(case, payload), payload, changed_on_the_way)
    run.refused_by_linux(request, REPLAYED, "first request sent again")
    run.refused_by_us(case, reply, SEEN, "first reply sent again")


def own_counter(run, case):
    """Sequence numbers and initialization vectors of the crate's own making."""
    (association,) = case.inbound
    for length in LENGTHS:
        number, payload = next(run.numbers), pattern(length)
        packet = echo(case.src, case.dst, number, payload).hex()
        answer = run.peer.ask(op="seal", sa=association.vector(), session=case.name, packet=packet, **association.more())
        case.sent[association.spi] += 1
        expect(answer["seq"] == case.sent[association.spi], f"our sealing takes number {answer['seq']}")
        run.exchange(case, number, bytes.fromhex(answer["packet"]), payload)


def tfc(run, case):
    """Padding that hides lengths, from the kernel (RFC 4303 §2.7)."""
    lengths = {len(run.ping(case, length)) for length in (0, 5, 56, 700)}
    expect(len(lengths) == 1 and min(lengths) > 1000, f"replies have {lengths} octets")
    run.ping(case, 1200)


def window(run, case):
    """Replay windows of 64, both."""
    (association,), (back,) = case.inbound, case.outbound
    # With ESN what is too old is taken for far ahead (RFC 4303, appendix A2.2).
    too_old, too_old_for_us = (NOT_AUTHENTIC, WRONG_ICV) if association.esn else (REPLAYED, SEEN)
    payload = pattern(9)

    def number_sealed(sequence):
        case.sent[association.spi] = sequence - 1
        return run.request(case, payload)

    for sequence in (200, 137, 199, 138):
        run.exchange(case, *number_sealed(sequence), payload)
    for sequence, counter in ((136, too_old), (137, REPLAYED), (200, REPLAYED), (1, too_old)):
        run.refused_by_linux(number_sealed(sequence)[1], counter, f"number {sequence} with the window at 200")
    case.sent[association.spi] = 200
    first, replies = case.received[back.spi] + 1, {}
    for _ in range(100):
        number, request = run.request(case, payload)
        run.guest.send(request)
        run.tally.to_linux += 1
        reply = run.receive(case)
        replies[case.received[back.spi]] = number, reply
    last = max(replies)
    for sequence in (last, last - 63, last - 62, last - 1):
        number, reply = replies[sequence]
        run.check_reply(case, run.unprotect(case, reply, {back.spi: sequence}), number, payload)
        run.tally.from_linux += 1
    for sequence, error in ((last - 64, too_old_for_us), (last - 63, SEEN), (last, SEEN), (first, too_old_for_us)):
        run.refused_by_us(case, replies[sequence][1], error, f"reply {sequence} with the window at {last}")


def last_numbers(run, case):
    """The counters' end: neither side goes beyond, or round."""
    (association,) = case.inbound
    run.ping(case)
    # The kernel's own counter is at its end already: it hears the request and has nothing to answer with.
    end = case.sent[association.spi]
    case.sent[association.spi] = end - 2
    _, request = run.request(case, b"")
    run.guest.send(request)
    grown = run.counted("after the last number")
    expect(grown == {COUNTER_AT_ITS_END: 1}, f"with its counter at the end Linux counts {grown}")
    run.silent("after the last number")
    run.tally.refused_by_linux += 1
    if end < 2**64 - 1:
        error = run.seal(association, end + 1, request)
        expect(isinstance(error, Refused), f"number {end + 1} is sealed without ESN")
        run.tally.refused_by_us += 1


def dummies(run, case):
    """Dummy packets (RFC 4303 §2.6): they end in the kernel, and disturb nothing."""
    run.ping(case)
    for _ in range(3):
        dummy = run.protect(case, ip_packet(case.src, case.dst, NO_NEXT_HEADER, pattern(30)))
        run.refused_by_linux(dummy, NOT_AUTHENTIC, "dummy")
    run.ping(case)
    run.refused_by_linux(dummy, NOT_AUTHENTIC, "dummy sent again")
    run.notes.append(f"Linux counts a dummy as {NOT_AUTHENTIC}, and not its number: sent again it is no replay to Linux")


def other_padding(run, case):
    """AH padded to 4 octets where the kernel has 8, and the other way round."""
    (association,) = case.inbound
    other = not association.pad_to_8
    payload = pattern(21)
    _, request = run.request(case, payload)
    packet = echo(case.src, case.dst, 1, payload)
    padded_otherwise = run.seal(association, case.sent[association.spi], packet, pad_to_8=other)
    expect(abs(len(padded_otherwise) - len(request)) == 4, "the padding makes no difference")
    run.refused_by_linux(padded_otherwise, NOT_AUTHENTIC, "AH padded otherwise")
    number, request = run.request(case, payload)
    run.guest.send(request)
    run.check_reply(case, run.unprotect(case, run.receive(case), pad_to_8=other), number, payload)
    run.tally.to_linux += 1
    run.tally.from_linux += 1
    run.notes.append("Linux refuses AH of IPv4 padded to 8 octets with align4, and to 4 without it; ours opens both")


def options(run, case):
    """IPv4 options in front of AH: kept (router alert, no-operation) and changed on the way (record route, unknown ones)."""
    router_alert, nothing, unknown = bytes([148, 4, 0, 0]), b"\x01", bytes([158, 6, 1, 2, 3, 4])
    record_route = bytes([7, 11, 4]) + bytes(8)
    unknown += nothing * 2
    for octets in (router_alert, nothing * 4, unknown, router_alert + unknown, record_route + nothing):
        run.ping(case, options=octets)


def extension_headers(run, case):
    """IPv6 extension headers: options that may change on the way and such that may not, of unknown kinds that are skipped."""
    kept, changing = bytes([0x1E, 4]) + pattern(4), bytes([0x3E, 4]) + pattern(4)
    long = bytes([0x1E, 12]) + pattern(12)
    for chain in (
        [(HOP_BY_HOP, kept)],
        [(HOP_BY_HOP, changing)],
        [(DESTINATION_OPTIONS, changing)],
        [(HOP_BY_HOP, long), (DESTINATION_OPTIONS, kept)],
        [(HOP_BY_HOP, changing), (DESTINATION_OPTIONS, long)],
    ):
        run.ping(case, chain=chain)


def xcast6(separated):
    """The headers of an Xcast6 packet for three destinations (RFC 5058 §9.3.2), the bitmap in the Routing header or separated
    (draft §3.2.2)."""
    bitmap = bytes([0xE0]) + bytes(7)
    destinations = b"".join(bytes.fromhex(f"20010db8000000000000000000000a0{index}") for index in range(3))
    # Version 1, X, 3 destinations; no channel.
    fields = bytes(16) + (b"" if separated else bitmap) + destinations
    contents = [bytes([XCAST6_ROUTING_TYPE, 0, 0x14, 3]), bytes(2), fields]
    whole = bytes([ICMP6, (8 + len(fields)) // 8 - 1]) + b"".join(contents)
    contents[1] = checksum(whole).to_bytes(2, "big")
    # The bitmap's option, and PadN.
    hop_by_hop = [(HOP_BY_HOP, bytes([0x3E, 8]) + bitmap + bytes([1, 2, 0, 0]))] if separated else []
    return [*hop_by_hop, (ROUTING, b"".join(contents))]


def branched(packet):
    """A copy with a bit of the bitmap cleared, as a router would have."""
    at = 44 if packet[6] == HOP_BY_HOP else 64
    expect(packet[at] == 0xE0, "no bitmap where it was put")
    return flipped(packet, at, 6)


def xcast(run, case):
    """Xcast6 packets to one of the destinations. To the kernel they have a Routing header of an unknown type, no segments
    left."""
    payload = pattern(33)
    for separated in (False, True):
        if case.inbound[-1].protocol == "ah" and not separated:
            # AH covers the whole header with the kernel, and then the bitmap may not be there.
            packet = echo(case.src, case.dst, 0, payload, chain=xcast6(separated))
            refused = run.seal(case.inbound[-1], 2**31, packet)
            expect(isinstance(refused, Refused), "the bitmap is sealed in a header that is covered")
            run.tally.refused_by_us += 1
            continue
        run.ping(case, chain=xcast6(separated))
        number, request = run.request(case, payload, chain=xcast6(separated))
        run.exchange(case, number, branched(request), payload)
        if case.inbound[-1].protocol == "ah":
            _, request = run.request(case, payload, chain=xcast6(separated))
            # Behind 56 octets of IPv6 and Hop-by-Hop header and 24 of the Routing header.
            run.refused_by_linux(flipped(request, 80), NOT_AUTHENTIC, "an address of the Xcast header flipped")


def group(run, first, second):
    """Two senders to a group, under one association, with the same sequence numbers."""
    association = first.inbound[0]
    run.ping(first)
    run.ping(first)
    of_first = [run.protect(first, echo(first.src, first.dst, 1, pattern(30))) for _ in range(2)]
    of_second = [run.protect(second, echo(second.src, second.dst, 1, pattern(30))) for _ in range(4)]
    # Ours has a window for each sender.
    for packet in (of_first[1], of_second[3], of_first[0], of_second[0]):
        got = run.open(association, packet, "group")[0]
        expect(isinstance(got, bytes), f"our opening of a second sender: {got}")
    for packet in (of_first[0], of_second[0]):
        got = run.open(association, packet, "group")[0]
        expect(not isinstance(got, bytes) and SEEN in str(got), f"our opening of a packet sent again: {got}")
        run.tally.refused_by_us += 1
    # Linux has one.
    for packet in of_second[:2]:
        run.refused_by_linux(packet, REPLAYED, "a second sender's number that the first has used")
    payload = pattern(11)
    second.sent[association.spi] = first.sent[association.spi]
    run.exchange(second, *run.request(second, payload), payload)
    run.notes.append(
        "Linux has one window for all senders to a group under an SPI, and drops packets of the second whose numbers the "
        "first has used; ours opens them"
    )


# --- The cases --------------------------------------------------------------------------------------------------------


def plan():
    """The cases, and for each what is done with it."""
    cases, todo = Cases(), []

    def add(what, name, version, *layers, **more):
        algorithms = " over ".join(
            Association(spi=0, src=GUEST[version], dst=GUEST[version], **layer).algorithms() for layer in layers[::-1]
        )
        case = cases.add(f"{name} {algorithms}", version, layers, **more)
        todo.append((case, what))
        return case

    def add_group(name, version, layer):
        first = add(lambda run, case: group(run, case, second), name, version, layer, to_group=True)
        second = cases.add(name, version, [layer], to_group=True, same_spi_as=first)

    def words(protocol, version, mode, *more):
        return " ".join([f"{protocol}{version} {mode}", *filter(None, more)])

    esn_passed = 2**32 - 5
    for version, integrity, mode, esn in itertools.product((4, 6), INTEGRITY, ("transport", "tunnel"), (False, True)):
        for pad_to_8 in (False, True) if version == 4 else (False,):
            layer = dict(protocol="ah", mode=mode, integrity=integrity, esn=esn, pad_to_8=pad_to_8)
            layer["passed"] = esn_passed if esn else 0
            align = "align4" if version == 4 and not pad_to_8 else ""
            add(everything, words("ah", version, mode, align, esn and "esn"), version, layer)

    lengths = [(cipher, key_len) for cipher, (_, _, _, key_lens) in CIPHERS.items() for key_len in key_lens]
    integrities = itertools.cycle(INTEGRITY)
    for (cipher, key_len), version, mode, esn in itertools.product(lengths, (4, 6), ("transport", "tunnel"), (False, True)):
        layer = dict(protocol="esp", mode=mode, cipher=cipher, key_len=key_len, esn=esn, passed=esn_passed if esn else 0)
        if cipher not in COMBINED:
            layer["integrity"] = next(integrities)
        add(everything, words("esp", version, mode, esn and "esn"), version, layer)

    for integrity, esn in itertools.product(INTEGRITY, (False, True)):
        layer = dict(protocol="ah", mode="transport", integrity=integrity, esn=esn)
        add(own_counter, words("ah", 4, "transport", esn and "esn", "own counter"), 4, layer)
    for cipher, (_, _, _, key_lens) in CIPHERS.items():
        layer = dict(protocol="esp", mode="transport", cipher=cipher, key_len=key_lens[0], esn=True)
        if cipher not in COMBINED:
            layer["integrity"] = "hmac-sha2-256-128"
        add(own_counter, words("esp", 6, "transport", "esn", "own counter"), 6, layer)

    esp = dict(protocol="esp", mode="transport", cipher="aes-gcm-16", key_len=16)
    cbc = dict(protocol="esp", mode="transport", cipher="aes-cbc", key_len=16, integrity="hmac-sha2-256-128")
    ah = dict(protocol="ah", mode="transport", integrity="hmac-sha2-256-128")
    tunnel = dict(mode="tunnel")

    for version in (4, 6):
        add(everything, words("ah over esp", version, "transport"), version, cbc, ah)
        add(everything, words("ah over esp", version, "tunnel"), version, esp | tunnel, ah)
        add(everything, words("ah over esp", version, "transport", "esn"), version, esp | dict(esn=True), ah | dict(esn=True))
        add(everything, words("esp", version, f"in {10 - version}", "tunnel"), version, esp | tunnel, outer=10 - version)
        add(everything, words("ah", version, f"in {10 - version}", "tunnel"), version, ah | tunnel, outer=10 - version)
        add(tfc, words("esp", version, "tunnel", "tfc from Linux"), version, cbc | tunnel | dict(tfc=1000))
        for layer, high in ((esp, 5), (cbc, 0xFFFFFFFE), (ah, 1)):
            layer = layer | dict(esn=True, passed=(high << 32) + 7)
            add(everything, words(layer["protocol"], version, "transport", f"esn upper half {high}"), version, layer)
        for layer in (esp, cbc, ah):
            protocol = layer["protocol"]
            add(window, words(protocol, version, "transport", "window"), version, layer)
            add(window, words(protocol, version, "transport", "esn window"), version, layer | dict(esn=True))
            add(last_numbers, words(protocol, version, "transport", "last numbers"), version, layer | dict(passed=2**32 - 2))
            last = dict(passed=2**64 - 2, esn=True)
            add(last_numbers, words(protocol, version, "transport", "esn last numbers"), version, layer | last)
        add(dummies, words("esp", version, "transport", "dummies"), version, esp)
    for pad_to_8, align in ((False, "align4"), (True, "")):
        for what, name in ((other_padding, "other padding"), (options, "options")):
            add(what, words("ah", 4, "transport", align, name), 4, ah | dict(pad_to_8=pad_to_8))
    for layer in (esp, cbc, ah):
        protocol = layer["protocol"]
        add(extension_headers, words(protocol, 6, "transport", "extension headers"), 6, layer)
        add(xcast, words(protocol, 6, "transport", "xcast"), 6, layer)
    add(xcast, words("ah over esp", 6, "transport", "xcast"), 6, esp, ah)
    for version, layer in itertools.product((4, 6), (esp, cbc, ah)):
        add_group(words(layer["protocol"], version, "transport", "to a group"), version, layer)
    assert len({case.name for case, _ in todo}) == len(todo), "two cases have one name"
    return cases, todo


# --- The whole --------------------------------------------------------------------------------------------------------


def set_up(guest):
    """Applies /network and /associations."""
    for line in (
        "sysctl -w net.ipv4.icmp_echo_ignore_broadcasts=0 net.ipv6.conf.default.accept_ra=0",
        "sysctl -w net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.eth0.accept_ra=0",
        "/programs/ip -batch /network",
        "/programs/ip -batch /associations",
    ):
        guest.output(line, 60)


def carry_out(guest, peer, todo):
    """Runs the cases: the tally, the notes, and how many failed."""
    total, notes, failures = Tally(), [], 0
    run = Run(guest, peer)
    for case, what in todo:
        run.tally, run.notes = Tally(), []
        try:
            what(run, case)
            run.silent("at the end")
        except (Failure, ValueError, RuntimeError) as why:
            failures += 1
            print(f"FAILED {case.name}: {why}", flush=True)
            if failures == MOST_FAILURES:
                print(f"FAILED: {failures} cases, the rest is left out", flush=True)
                break
            run.forget()
            continue
        done = run.tally
        print(
            f"ok {case.name}: {done.to_linux} to Linux, {done.from_linux} from it, "
            f"{done.refused_by_linux} refused by it, {done.refused_by_us} by us",
            flush=True,
        )
        total.add(done)
        notes += run.notes
    return total, notes, failures


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("kernel", "modules", "busybox", "ip", "peer"):
        arguments.add_argument(f"--{name}", required=True, type=os.path.abspath)
    arguments.add_argument("--lifetime", type=int, default=240, help="seconds after which the emulator ends")
    arguments.add_argument("wanted", nargs="*", help="only the cases whose names hold one of these")
    arguments = arguments.parse_args()
    here = os.path.dirname(os.path.abspath(__file__))
    # So that the emulator is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("FAILED: ended from outside"))

    cases, todo = plan()
    if arguments.wanted:
        todo = [(case, what) for case, what in todo if any(part in case.name for part in arguments.wanted)]
    if not todo:
        sys.exit("FAILED: no case has such a name")
    files = {"network": "\n".join(addresses()) + "\n", "associations": "\n".join(cases.batch()) + "\n"}
    begin = time.monotonic()
    with contextlib.ExitStack() as stack:
        guest = None
        try:
            init = os.path.join(here, "linux_init")
            archive = initramfs(arguments.modules, arguments.busybox, arguments.ip, init, files)
            scratch = stack.enter_context(tempfile.TemporaryDirectory())
            peer = stack.enter_context(contextlib.closing(Ours(arguments.peer)))
            guest = stack.enter_context(Guest(scratch, arguments.kernel, archive, arguments.lifetime))
            guest.started()
            version = guest.output("uname -r") + ", " + re.sub(r".* (Debian \S+).*", r"\1", guest.output("uname -v"))
            set_up(guest)
            print(f"linux {version} runs after {time.monotonic() - begin:.1f} s", flush=True)
            total, notes, failures = carry_out(guest, peer, todo)
        except GuestError as error:
            print(f"FAILED: {error}\n{guest.logs() if guest else ''}", flush=True)
            return 1
    for note in dict.fromkeys(notes):
        print(f"known deviation: {note}")
    if failures:
        print(f"linux {version}: {failures} of {len(todo)} cases FAILED")
        return 1
    print(
        f"linux {version}: {len(todo)} cases in {time.monotonic() - begin:.0f} s: {total.to_linux} packets to it, "
        f"{total.from_linux} from it, {total.refused_by_linux + total.refused_by_us} refusals as expected "
        f"({total.refused_by_linux} by it, {total.refused_by_us} by us)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
