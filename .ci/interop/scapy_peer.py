#!/usr/bin/env python3
"""The crate against scapy, live and both ways: what one seals the other opens, and with one bit flipped does not.

    scapy_peer.py PEER [--seed N] [--rounds N] [--seconds N]

Where scapy departs from the RFCs, the crate is held to the RFCs: the departures are listed at the end, each with what scapy
does today.
"""

import argparse
import collections
import hmac
import itertools
import logging
import random
import sys
import time

logging.getLogger("scapy").setLevel(logging.ERROR)

import scapy
from scapy.fields import ByteField, StrLenField, XByteField, XShortField
from scapy.layers import ipsec
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrRouting

import packets
from ours import CIPHERS, COMBINED, INTEGRITY, SEPARATE, Ours, PeerGone, Refused, association
from packets import AH, ESP, XCAST6_ROUTING_TYPE, Xcast, protection_at

SCAPY_INTEGRITY = {
    "hmac-md5-96": "HMAC-MD5-96",
    "hmac-sha1-96": "HMAC-SHA1-96",
    "hmac-sha2-256-128": "SHA2-256-128",
    "hmac-sha2-384-192": "SHA2-384-192",
    "hmac-sha2-512-256": "SHA2-512-256",
}
SCAPY_CIPHERS = {
    "null": "NULL",
    "aes-cbc": "AES-CBC",
    "aes-ctr": "AES-CTR",
    "aes-gcm-16": "AES-GCM",
    "chacha20-poly1305": "CHACHA20-POLY1305",
}
# Sizes that every cipher is tried with, each residue of its block among them; and the rounds that takes.
SMALL_SIZES, SURE_ROUNDS = 48, 4
# Inner and outer family.
TUNNELS = list(itertools.product((4, 6), repeat=2))


class XcastRouting(IPv6ExtHdrRouting):
    """The Xcast6 Routing header, as far as scapy must know it: of any length, without addresses to exchange, and with a
    CHECKSUM that is set right when Next Header changes."""

    name = "Xcast6"
    fields_desc = [
        ByteField("nh", 59), ByteField("len", 0), ByteField("type", XCAST6_ROUTING_TYPE), ByteField("segleft", 0),
        XByteField("flags", 0), XByteField("count", 0), XShortField("chksum", 0),
        StrLenField("rest", b"", length_from=lambda header: header.len * 8),
    ]
    addresses = ()

    def post_build(self, header, payload):
        cleared = header[:6] + b"\0\0" + header[8:]
        return header[:6] + packets.checksum(cleared).to_bytes(2, "big") + header[8:] + payload


def know_xcast(known):
    """Makes scapy take Routing headers of Xcast6's type for that, or no longer."""
    if known:
        IPv6ExtHdrRouting.dispatch_hook = classmethod(
            lambda cls, octets=None, *_, **__: XcastRouting if octets and octets[2:3] == b"\xfd" else cls
        )
    else:
        del IPv6ExtHdrRouting.dispatch_hook


def dissected(packet):
    return (IP if packets.version(packet) == 4 else IPv6)(packet)


def scapy_sa(sa, seq):
    """scapy's association for an `sa` object, at sequence number `seq`."""
    integrity, cipher, tunnel = sa.get("integrity"), sa.get("cipher"), None
    if sa["mode"] == "tunnel":
        outer = sa["tunnel"]
        is_v4 = ":" not in outer["src"]
        hop_limit = {"ttl" if is_v4 else "hlim": outer["hop_limit"]}
        tunnel = (IP if is_v4 else IPv6)(src=outer["src"], dst=outer["dst"], **hop_limit)
    return ipsec.SecurityAssociation(
        ipsec.AH if sa["protocol"] == "ah" else ipsec.ESP, spi=sa["spi"], seq_num=seq & 0xFFFFFFFF,
        crypt_algo=cipher and SCAPY_CIPHERS[cipher["alg"]], crypt_key=cipher and bytes.fromhex(cipher["key"]) or None,
        auth_algo=integrity and SCAPY_INTEGRITY[integrity["alg"]],
        auth_key=integrity and bytes.fromhex(integrity["key"]), tunnel_header=tunnel, esn_en=sa.get("esn", False),
        esn=seq >> 32
    )


def scapy_open(sa, packet, seq):
    return bytes(scapy_sa(sa, seq).decrypt(dissected(packet)))


def scapy_seal(sa, packet, seq, iv=None):
    return bytes(scapy_sa(sa, seq).encrypt(dissected(packet), seq_num=seq & 0xFFFFFFFF, iv=iv))


def flipped(rng, packet, at):
    """`packet` with a bit flipped behind `at`."""
    octet = rng.randrange(at, len(packet))
    return packet[:octet] + bytes([packet[octet] ^ 1 << rng.randrange(8)]) + packet[octet + 1 :]


def tampered(rng, sa, packet):
    """`packet` with a bit flipped that `sa` protects."""
    at = protection_at(packet)
    if sa["protocol"] == "ah" and rng.random() < 0.3:
        # Identification and addresses.
        covered = [4, 5, *range(12, 20)] if packets.version(packet) == 4 else [*range(8, 40)]
        at = rng.choice(covered)
        return packets.refreshed(flipped(rng, packet[: at + 1], at) + packet[at + 1 :])
    return flipped(rng, packet, at)


def rfc_icv(sa, packet, seq, **how):
    """The ICV that RFC 4302 asks for."""
    digest, _, length = INTEGRITY[sa["integrity"]["alg"]]
    high = (seq >> 32).to_bytes(4, "big") if sa.get("esn") else b""
    image = packets.ah_image(packet, length, **how) + high
    return hmac.digest(bytes.fromhex(sa["integrity"]["key"]), image, digest)[:length]


def carried_icv(sa, packet):
    at = protection_at(packet) + 12
    return packet[at : at + INTEGRITY[sa["integrity"]["alg"]][2]]


class Mismatch(Exception):
    pass


def same(what, got, expected):
    if got != expected:
        raise Mismatch(f"{what}: got\n      {got.hex()}\n    and not\n      {expected.hex()}")


class Run:
    def __init__(self, ours, rng):
        self.ours, self.rng = ours, rng
        self.counts = collections.Counter()
        self.kinds = collections.Counter()
        self.residues = collections.defaultdict(set)
        self.failures = []

    def attempt(self, name, check, *arguments):
        """Runs one check; what goes wrong in it is a failure, not the end."""
        try:
            check(*arguments)
        except PeerGone:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a packet brings about in scapy
            self.failures.append(f"{name} {arguments}: {type(error).__name__}: {error}")
            if len(self.failures) >= 10:
                raise SystemExit(self.report()) from error

    def report(self):
        for failure in self.failures:
            print(f"FAILED {failure}")
        return f"scapy: {len(self.failures)} checks FAILED"

    # --- One packet ---------------------------------------------------------------------------------------------------

    def number(self, sa):
        low = self.rng.choice((1, 2, 0xFFFFFFFF, self.rng.randrange(1, 1 << 32)))
        return low | (self.rng.choice((0, 1, self.rng.randrange(1 << 32))) << 32 if sa.get("esn") else 0)

    def iv(self, sa):
        return self.rng.randbytes(CIPHERS[sa["cipher"]["alg"]][1]) if "cipher" in sa else b""

    def ours_refuse(self, sa, packet, seq):
        try:
            opened, _ = self.ours.open(sa, packet, seq_hi=seq >> 32)
        except Refused:
            self.counts["refused by us"] += 1
            return
        raise Mismatch(f"we accepted {packet.hex()} and opened {opened.hex()}")

    def scapy_refuses(self, sa, packet, seq):
        try:
            opened = scapy_open(sa, packet, seq)
        except (ipsec.IPSecIntegrityError, TypeError) as error:
            # Of another association: scapy's way to say so.
            if isinstance(error, TypeError) and "does not match the SA spi" not in str(error):
                raise
            self.counts["refused by scapy"] += 1
            return
        raise Mismatch(f"scapy accepted {packet.hex()} and opened {opened.hex()}")

    def ours_to_scapy(self, sa, packet, *, expected=None, extract=None, breaks=(), **more):
        """We seal, scapy opens. `extract` makes of the sealed packet one that scapy finds its way in; `breaks` are exceptions
        that mean that its dissector broke over what it opened, which says nothing of us."""
        seq = self.number(sa)
        sealed = self.ours.seal(sa, packet, seq, iv=self.iv(sa).hex(), **more)
        if sa["protocol"] == "ah":
            coverage = sa.get("routing_coverage", "covered")
            same("our ICV", carried_icv(sa, sealed), rfc_icv(sa, sealed, seq, coverage=coverage))
        arrived = packets.in_transit(self.rng, sealed)
        expected = packet if expected is None else expected
        if sa["mode"] == "transport":
            expected = packets.with_front_of(expected, arrived)
        if extract:
            arrived, expected = extract(arrived), extract(expected)
        try:
            opened = scapy_open(sa, arrived, seq)
        except breaks:
            self.counts["opened by scapy, which then took it for something else and broke"] += 1
            return
        same("our packet, opened by scapy", opened, expected)
        self.counts["sealed by us, opened by scapy"] += 1
        self.scapy_refuses(sa, tampered(self.rng, sa, arrived), seq)
        if sa.get("esn"):
            self.scapy_refuses(sa, arrived, seq ^ 1 << self.rng.randrange(32, 64))

    def scapy_to_ours(self, sa, packet, *, given=None, insert=None):
        """scapy seals, we open. `insert` makes of the packet that scapy sealed the one that we get."""
        seq = self.number(sa)
        sealed = scapy_seal(sa, packet if given is None else given, seq, self.iv(sa) or None)
        if insert:
            sealed = insert(sealed)
        arrived = packets.in_transit(self.rng, sealed)
        merge = packets.with_front_of if sa["mode"] == "transport" else packets.out_of_tunnel
        opened, number = self.ours.open(sa, arrived, seq_hi=seq >> 32)
        same("scapy's packet, opened by us", opened, merge(packet, arrived))
        same("its number", number.to_bytes(8, "big"), seq.to_bytes(8, "big"))
        self.counts["sealed by scapy, opened by us"] += 1
        self.ours_refuse(sa, tampered(self.rng, sa, arrived), seq)
        if sa.get("esn"):
            self.ours_refuse(sa, arrived, seq ^ 1 << self.rng.randrange(32, 64))

    def octet_for_octet(self, sa, packet):
        """Where nothing is left open, both must make the very same packet."""
        seq, iv = self.number(sa), self.iv(sa)
        sealed = self.ours.seal(sa, packet, seq, iv=iv.hex())
        same("our packet beside scapy's", sealed, scapy_seal(sa, packet, seq, iv or None))
        self.counts["sealed alike octet for octet"] += 1

    # --- All of them --------------------------------------------------------------------------------------------------

    def size(self, cipher):
        """Octets of payload: each residue of the cipher's block first, then any number."""
        seen = self.residues[cipher]
        missing = [size for size in range(SMALL_SIZES) if size not in seen]
        size = missing[0] if missing else self.rng.randrange(1401)
        if missing:
            seen.add(size)
        return size

    def unicast(self, protocol, integrity, cipher, inner, outer, esn):
        """Plain packets; `outer` is the family of the tunnel, or None."""
        rng = self.rng
        packet = packets.plain(rng, inner, self.size(cipher or (integrity,)))
        if outer:
            ends = packets.address(rng, outer), packets.address(rng, outer)
        else:
            ends = packets.ends(packet)
        mode = "tunnel" if outer else "transport"
        sa = association(rng, protocol, *ends, integrity=integrity, cipher=cipher, mode=mode, esn=esn)
        if not outer and rng.random() < 0.5:
            # For any sender and destination: an address that is tampered with is then the ICV's business.
            del sa["src"], sa["dst"]
        self.kinds[f"{protocol} IPv{inner}" + (f" in IPv{outer}" if outer else "") + " ESN" * esn] += 1
        pads_to_8 = protocol == "ah" and (outer or inner) == 4 and rng.random() < 0.3
        self.ours_to_scapy(sa, packet, **({"pad_to_8": True} if pads_to_8 else {}))
        self.scapy_to_ours(sa, packet)
        # The outer header is made up differently, and Destination Options are protected by us only.
        if not outer and packets.DESTINATION_OPTIONS not in [kind for kind, _, _ in packets.extension_headers(packet)[0]]:
            self.octet_for_octet(sa, packet)

    def padded_for_tfc(self, cipher, integrity, family):
        """scapy seals a packet with octets behind its end, as in TFC padding (RFC 4303 §2.7): we cut them off."""
        rng = self.rng
        packet = packets.plain(rng, family, rng.randrange(8, 600))
        ends = packets.address(rng, family), packets.address(rng, family)
        sa = association(rng, "esp", *ends, integrity=integrity, cipher=cipher, mode="tunnel", esn=rng.random() < 0.5)
        self.scapy_to_ours(sa, packet, given=packet + bytes(rng.randrange(1, 200)))
        self.kinds["esp with TFC padding"] += 1

    def xcast6_esp(self, cipher, integrity, esn, mode):
        rng = self.rng
        for ports in (True, False):
            xcast = Xcast(rng, 6, rng.randrange(8, 1200), separated=rng.random() < 0.3, ports=ports)
            packet = xcast.packet()
            ends = packets.ends(packet) if mode == "transport" else ("2001:db8::1", "2001:db8::2")
            sa = association(rng, "esp", *ends, integrity=integrity, cipher=cipher, mode=mode, esn=esn)
            # What ESP held scapy takes for what the IPv6 header announces, a Routing header, and now and then breaks over it.
            self.ours_to_scapy(sa, packet, breaks=IndexError if mode == "transport" else ())
            # scapy would hide the Ports option from the routers.
            if mode == "tunnel" or not ports:
                self.scapy_to_ours(sa, packet)
            self.kinds[f"esp Xcast6 {mode}"] += 1

    def xcast4_esp(self, cipher, integrity, esn):
        """scapy looks for ESP right behind the IPv4 header: the Xcast4 header, which ESP does not cover, is taken out for
        it and put back again."""
        rng = self.rng
        xcast = Xcast(rng, 4, rng.randrange(1200), separated=rng.random() < 0.3)
        packet = xcast.packet()
        sa = association(rng, "esp", *packets.ends(packet), integrity=integrity, cipher=cipher, esn=esn)

        def without(packet):
            start = (packet[0] & 15) * 4
            length = packet[start + 9] * 4
            rest = packet[start + length :]
            same("the Xcast4 header", packet[start : start + length], xcast.xcast_header(packet[start + 8]))
            total = (len(packet) - length).to_bytes(2, "big")
            header = packet[:2] + total + packet[4:9] + packet[start + 8 : start + 9] + packet[10:start]
            return packets.refreshed(header + rest)

        def around(sealed):
            return packets.with_front_of(xcast.around(ESP, sealed[(sealed[0] & 15) * 4 :]), sealed)

        self.ours_to_scapy(sa, packet, extract=without)
        self.scapy_to_ours(sa, packet, given=without(packet), insert=around)
        self.kinds["esp Xcast4 transport"] += 1

    def xcast_ah(self, integrity, family, esn):
        """With the bitmap separated, an AH that knows nothing of Xcast verifies the packet (draft §3.2)."""
        rng = self.rng
        xcast = Xcast(rng, family, rng.randrange(1200), separated=True, ports=family == 4 and rng.random() < 0.5)
        packet = xcast.packet()
        sa = association(rng, "ah", *packets.ends(packet), integrity=integrity, esn=esn, routing_coverage="covered")

        def branched(sealed):
            """As a router makes it: bits cleared."""
            kind = b"\x9e\x06" if family == 4 else b"\x3e\x08"
            at = sealed.index(kind, 20 if family == 4 else 40) + 2
            cleared = sealed[:at] + bytes([sealed[at] & rng.randrange(256)]) + sealed[at + 1 :]
            return packets.refreshed(cleared)

        self.ours_to_scapy(sa, packet)
        self.scapy_to_ours(sa, packet)
        for sealed in (self.ours.seal(sa, packet, 7), scapy_seal(sa, packet, 7)):
            arrived = branched(sealed)
            scapy_open(sa, arrived, 7)
            self.ours.open(sa, arrived)
            self.counts["with bits cleared on the way, opened by both"] += 1
        self.kinds[f"ah Xcast{family} transport"] += 1

    def sequences(self, protocol, integrity, cipher, esn):
        """Many packets of one association: our counter, and our window with scapy's packets late, twice and, with ESN,
        across the end of the 32 bits."""
        rng = self.rng
        packet = packets.plain(rng, 4, 100, options=False)
        sa = association(rng, protocol, *packets.ends(packet), integrity=integrity, cipher=cipher, esn=esn)
        session = f"session {rng.randrange(1 << 64)}"
        for seq in range(1, 21):
            answer = self.ours.ask(op="seal", sa=sa, packet=packet.hex(), session=session)
            same("our number", bytes([answer["seq"]]), bytes([seq]))
            same("our packet, opened by scapy", scapy_open(sa, bytes.fromhex(answer["packet"]), seq), packet)
            self.counts["sealed by us, opened by scapy"] += 1
        first = 0x1FFFFFFC0 if esn else 1
        late = list(range(first + 1, first + 121))
        # No later than the window of 64 is long.
        for start in range(0, len(late), 40):
            late[start : start + 40] = rng.sample(late[start : start + 40], 40)
        for index, seq in enumerate([first, *late]):
            sealed = scapy_seal(sa, packet, seq, self.iv(sa) or None)
            start = {"seq_hi": seq >> 32} if index == 0 else {}
            opened, number = self.ours.open(sa, sealed, session=session, **start)
            same("scapy's packet, opened by us", opened, packet)
            same("its number", number.to_bytes(8, "big"), seq.to_bytes(8, "big"))
            self.counts["sealed by scapy, opened by us"] += 1
            try:
                self.ours.open(sa, sealed, session=session)
            except Refused:
                self.counts["replays refused by us"] += 1
            else:
                raise Mismatch(f"we accepted number {seq} twice")
        self.kinds["many of one association"] += 1

    def xcast6_ah_zeroed(self, integrity, esn):
        """What scapy has no rule for: our two other coverages, against the rules as this test reads them."""
        rng = self.rng
        for coverage in ("data-zeroed", "fields-zeroed"):
            packet = Xcast(rng, 6, rng.randrange(1200)).packet()
            sa = association(rng, "ah", *packets.ends(packet), integrity=integrity, esn=esn, routing_coverage=coverage)
            seq = self.number(sa)
            sealed = self.ours.seal(sa, packet, seq)
            same("our ICV", carried_icv(sa, sealed), rfc_icv(sa, sealed, seq, coverage=coverage))
            same("our packet, opened by us", self.ours.open(sa, sealed, seq_hi=seq >> 32)[0], packet)
            self.counts["sealed by us, ICV computed again in Python"] += 1


# --- Where scapy departs from the RFCs --------------------------------------------------------------------------------


def scapy_takes(sa, packet, seq, expected):
    """Whether scapy opens the packet as it was."""
    try:
        return scapy_open(sa, packet, seq) == expected
    except Exception:  # noqa: BLE001 - a dissector that breaks does not take it
        return False


def ours_take(ours, sa, packet, expected):
    try:
        return ours.open(sa, packet)[0] == expected
    except Refused:
        return False


def with_ah(sa, front, next_header, behind, seq):
    """A packet with AH as RFC 4302 asks for it: headers `front`, which announce AH, then AH, then `behind`."""
    _, _, icv_len = INTEGRITY[sa["integrity"]["alg"]]
    length = 12 + icv_len + (-(12 + icv_len) % 8 if packets.version(front) == 6 else 0)
    header = bytes([next_header, length // 4 - 2, 0, 0]) + sa["spi"].to_bytes(4, "big") + seq.to_bytes(4, "big")
    packet = front + header + bytes(length - 12) + behind
    if packets.version(packet) == 4:
        packet = packets.refreshed(packet[:2] + len(packet).to_bytes(2, "big") + packet[4:])
    else:
        packet = packet[:4] + (len(packet) - 40).to_bytes(2, "big") + packet[6:]
    at = packets.extension_headers(packet)[2] + 12
    return packet[:at] + rfc_icv(sa, packet, seq) + packet[at + icv_len :]


def departures(ours, rng):
    """Yields a text, whether we do as the RFC says, and whether scapy still does otherwise."""
    data = rng.randbytes(40)

    def v6(extensions, final=packets.OPAQUE):
        """IPv6 with (kind, octets) headers, the last announcing `final`."""
        kinds = [kind for kind, _ in extensions] + [final]
        body = b"".join(bytes([following]) + octets[1:] for following, (_, octets) in zip(kinds[1:], extensions))
        return packets.ipv6("2001:db8::1", "2001:db8::2", kinds[0], body)

    def routing(units, kind=253):
        return bytes([0, units, kind, 0]) + bytes(4) + rng.randbytes(8 * units)

    def with_length(packet):
        return packet[:4] + (len(packet) - 40).to_bytes(2, "big") + packet[6:]

    def v6_case(extensions):
        sa = association(rng, "ah", "2001:db8::1", "2001:db8::2", integrity="hmac-sha2-256-128")
        plain = with_length(v6(extensions) + data)
        return sa, plain, with_ah(sa, v6(extensions, AH), packets.OPAQUE, data, 9)

    # Type 254 is none of ours, and has no segments left: RFC 4302 covers it as it stands.
    even = [(packets.ROUTING, routing(2, 254))]
    sa, plain, right = v6_case(even)
    sealed = scapy_seal(sa, plain, 9)
    yield (
        "sending, scapy takes every Routing header for one of type 0 and exchanges its addresses; RFC 4302 §3.3.3.1.2.3"
        " does so for type 0 only, so we refuse what it sends",
        ours_take(ours, sa, right, plain) and scapy_takes(sa, right, 9, plain),
        not ours_take(ours, sa, sealed, plain)
    )

    sa, plain, right = v6_case([(packets.ROUTING, routing(3, 254))])
    yield (
        "scapy loses octets of a Routing header whose length is odd, and refuses the packet; we open it",
        ours_take(ours, sa, right, plain),
        not scapy_takes(sa, right, 9, plain)
    )

    option = packets.options_header(0, b"\x2c\x04" + rng.randbytes(4))
    sa, plain, right = v6_case([*even, (packets.DESTINATION_OPTIONS, option)])
    yield (
        "behind a Routing header scapy no longer zeroes mutable options, and refuses the packet; we open it",
        ours_take(ours, sa, right, plain),
        not scapy_takes(sa, right, 9, plain)
    )

    sa = association(rng, "esp", "2001:db8::1", "2001:db8::2", integrity="hmac-sha2-256-128", cipher=("null", 0))
    extension = (packets.HOP_BY_HOP, packets.options_header(0, b""))
    plain = with_length(v6([extension]) + b"a")
    sealed = ours.seal(sa, plain, 9)
    yield (
        "scapy reads what ESP held as what follows the IPv6 header, though another header stands between, and breaks over"
        " short payloads; we do not",
        ours_take(ours, sa, sealed, plain) and ours_take(ours, sa, scapy_seal(sa, plain, 9), plain),
        not scapy_takes(sa, sealed, 9, plain)
    )

    # 20 is not Router Alert, which is 148: an unknown option, which counts as zero (RFC 4302 §A1).
    for kind in (20, 2, 0x54):
        sa = association(rng, "ah", "10.0.0.1", "10.0.0.2", integrity="hmac-sha2-256-128")
        options = bytes([kind, 4]) + rng.randbytes(2)
        plain = packets.ipv4("10.0.0.1", "10.0.0.2", packets.OPAQUE, data, options=options)
        right = with_ah(sa, packets.ipv4("10.0.0.1", "10.0.0.2", AH, b"", options=options), packets.OPAQUE, data, 9)
        sealed = ours.seal(sa, plain, 9)
        yield (
            f"scapy covers IPv4 option {kind} because its low 5 bits are those of an immutable one; to us it is unknown"
            " and counts as zero",
            sealed == right and ours_take(ours, sa, right, plain),
            not scapy_takes(sa, right, 9, plain)
        )


# --- The run ----------------------------------------------------------------------------------------------------------


def combinations():
    """Arguments of `unicast`: every algorithm, mode, family and numbering."""
    places = [(4, None), (6, None), *TUNNELS]
    separate = [(name, size) for name, (sizes, _, _) in SEPARATE.items() for size in sizes]
    combined = [(name, size) for name, (sizes, _, _) in COMBINED.items() for size in sizes]
    protections = [("ah", integrity, None) for integrity in INTEGRITY]
    protections += [("esp", integrity, cipher) for integrity in INTEGRITY for cipher in separate]
    protections += [("esp", None, cipher) for cipher in combined]
    return [(*protection, *place, esn) for protection in protections for place in places for esn in (False, True)]


def esp_protections(rng):
    """Every cipher and key size once, each with some integrity algorithm."""
    for name, (sizes, _, _) in CIPHERS.items():
        for size in sizes:
            yield (name, size), None if name in COMBINED else rng.choice(list(INTEGRITY))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", help="the program to talk to")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=30, help="packets of each combination (default 30)")
    parser.add_argument("--seconds", type=int, default=45, help="no new round after so many (default 45)")
    arguments = parser.parse_args()
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    started = time.monotonic()
    print(f"scapy {scapy.__version__}, seed {seed}")
    missing = {*SCAPY_INTEGRITY.values()} - {*ipsec.AUTH_ALGOS} | {*SCAPY_CIPHERS.values()} - {*ipsec.CRYPT_ALGOS}
    if missing:
        sys.exit(f"scapy does not have {', '.join(sorted(missing))}")

    rng = random.Random(seed)
    ours = Ours(arguments.peer)
    run = Run(ours, rng)
    for number in range(arguments.rounds):
        # All small sizes need some rounds.
        if number >= SURE_ROUNDS and time.monotonic() - started > arguments.seconds:
            print(f"out of time after {number} rounds")
            break
        for combination in combinations():
            run.attempt("unicast", run.unicast, *combination)
        know_xcast(True)
        for cipher, integrity in esp_protections(rng):
            for esn in (False, True):
                for mode in ("transport", "tunnel"):
                    run.attempt("xcast6_esp", run.xcast6_esp, cipher, integrity, esn, mode)
                run.attempt("xcast4_esp", run.xcast4_esp, cipher, integrity, esn)
        for integrity, esn in itertools.product(INTEGRITY, (False, True)):
            for family in (4, 6):
                run.attempt("xcast_ah", run.xcast_ah, integrity, family, esn)
            run.attempt("xcast6_ah_zeroed", run.xcast6_ah_zeroed, integrity, esn)
        know_xcast(False)
        for cipher, integrity in esp_protections(rng):
            run.attempt("padded_for_tfc", run.padded_for_tfc, cipher, integrity, rng.choice((4, 6)))
    for esn in (False, True):
        run.attempt("sequences", run.sequences, "ah", "hmac-sha2-256-128", None, esn)
        for cipher, integrity in esp_protections(rng):
            run.attempt("sequences", run.sequences, "esp", integrity, cipher, esn)

    for text, right, departs in departures(ours, rng):
        print(f"{'known departure' if departs else 'DEPARTURE GONE, update this test'}: {text}")
        if not right:
            run.failures.append(f"not as the RFC says: {text}")
    ours.close()

    for cipher, sizes in run.residues.items():
        if arguments.rounds >= SURE_ROUNDS and len(sizes) < SMALL_SIZES:
            run.failures.append(f"{cipher}: only {len(sizes)} of {SMALL_SIZES} small sizes were tried")
    for kind, count in sorted(run.kinds.items()):
        print(f"  {count:6} × {kind}")
    for direction, count in run.counts.items():
        print(f"  {count:6} {direction}")
    if run.failures:
        sys.exit(run.report())
    print(
        f"scapy: {run.counts['sealed by us, opened by scapy']} packets ours→scapy,"
        f" {run.counts['sealed by scapy, opened by us']} scapy→ours,"
        f" {run.counts['refused by scapy']} + {run.counts['refused by us']} tampered ones refused, all as they should be"
    )


if __name__ == "__main__":
    main()
