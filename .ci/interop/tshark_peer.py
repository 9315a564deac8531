#!/usr/bin/env python3
"""tshark looks at what the crate sealed: it must decrypt all of it, find every ICV good, and find each bad that was
tampered with. Of AH, which tshark does not verify, it must find the fields.

    tshark_peer.py PEER [--seed N] [--rounds N] [--keep FOLDER]
"""

import argparse
import collections
import itertools
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

import packets
from ours import CIPHERS, COMBINED, INTEGRITY, Ours, association
from packets import Xcast, protection_at

TSHARK_INTEGRITY = {
    "hmac-md5-96": "HMAC-MD5-96 [RFC2403]",
    "hmac-sha1-96": "HMAC-SHA-1-96 [RFC2404]",
    "hmac-sha2-256-128": "HMAC-SHA-256-128 [RFC4868]",
    "hmac-sha2-384-192": "HMAC-SHA-384-192 [RFC4868]",
    "hmac-sha2-512-256": "HMAC-SHA-512-256 [RFC4868]",
}
TSHARK_CIPHERS = {
    "null": "NULL",
    "aes-cbc": "AES-CBC [RFC3602]",
    "aes-ctr": "AES-CTR [RFC3686]",
    "aes-gcm-16": "AES-GCM with 16 octet ICV [RFC4106]",
    "chacha20-poly1305": "ChaCha20 with Poly1305 [RFC7634]",
}
FIELDS = [
    "frame.number", "esp.spi", "esp.sequence", "esp.icv_good", "esp.icv_bad", "esp.iv", "esp.decrypted_data", "ah.spi",
    "ah.sequence", "ah.length", "ah.icv", "ah.next_header", "ip.checksum.status", "_ws.malformed",
]
HERE = pathlib.Path(__file__).parent


class Capture:
    """Frames, what tshark must say of each, and the associations it must know."""

    def __init__(self, folder):
        self.folder, self.frames, self.associations = folder, [], []

    def know(self, sa, family):
        def key(part):
            return "0x" + part["key"] if part and part["key"] else ""

        integrity, cipher = sa.get("integrity"), sa["cipher"]
        fields = [
            f"IPv{family}", "*", "*", f"0x{sa['spi']:08x}", TSHARK_CIPHERS[cipher["alg"]], key(cipher),
            TSHARK_INTEGRITY[integrity["alg"]] if integrity else "NULL", key(integrity),
        ]
        self.associations.append(",".join(f'"{field}"' for field in fields))

    def dissect(self):
        """A dictionary of `FIELDS` for each frame."""
        self.folder.mkdir(parents=True, exist_ok=True)
        capture = self.folder / "sealed.pcap"
        with capture.open("wb") as file:
            # Ethernet: of raw IP, tshark takes some for PPP.
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            for number, frame in enumerate(self.frames):
                frame = bytes(12) + (b"\x08\x00" if packets.version(frame) == 4 else b"\x86\xdd") + frame
                file.write(struct.pack("<IIII", number, 0, len(frame), len(frame)) + frame)
        (self.folder / "esp_sa").write_text("".join(line + "\n" for line in self.associations))
        settings = ["esp.enable_encryption_decode", "esp.enable_authentication_check", "ip.check_checksum"]
        output = tshark(
            # Nobody shall guess what random payloads are.
            self.folder, "-r", str(capture), "--disable-protocol", "udp", "--disable-protocol", "tcp",
            "-X", f"lua_script:{HERE / 'xcast4.lua'}",
            *(word for setting in settings for word in ("-o", f"{setting}:TRUE")), "-T", "fields", "-E", "occurrence=a",
            *(word for field in FIELDS for word in ("-e", field))
        )
        rows = [dict(zip(FIELDS, line.split("\t"))) for line in output.splitlines()]
        for row in rows:
            for name in ("esp.icv_good", "esp.icv_bad"):
                # As later versions write it.
                row[name] = {"True": "1", "False": "0"}.get(row[name], row[name])
        if [row["frame.number"] for row in rows] != [str(number + 1) for number in range(len(self.frames))]:
            sys.exit(f"tshark: {len(rows)} frames shown of {len(self.frames)}")
        return rows


def tshark(folder, *arguments):
    """Runs tshark with `folder` as its configuration."""
    environment = {**os.environ, "WIRESHARK_CONFIG_DIR": str(folder)}
    run = subprocess.run(["tshark", "-n", *arguments], env=environment, capture_output=True, text=True)
    if run.returncode or "Error" in run.stderr:
        raise RuntimeError(f"tshark {' '.join(arguments)}: {run.stderr}")
    return run.stdout


def supported(folder):
    """The ciphers that this tshark has."""
    names = []
    for name in CIPHERS:
        capture = Capture(folder / "probe")
        sa = {"spi": 256, "cipher": {"alg": name, "key": "00" * CIPHERS[name][0][0]}}
        capture.know(sa, 4)
        try:
            capture.dissect()
        except RuntimeError as error:
            if "invalid value" not in str(error):
                raise
            continue
        names.append(name)
    return names


def esp_trailer(length, block, next_header):
    padding = -(length + 2) % block
    return bytes(range(1, padding + 1)) + bytes([padding, next_header])


class Run:
    def __init__(self, ours, rng, folder):
        self.ours, self.rng = ours, rng
        self.capture = Capture(folder)
        # What tshark must say of each frame: what was sealed, and the fields.
        self.expected = []
        self.kinds = collections.Counter()
        self.counts = collections.Counter()
        self.failures = []

    def add(self, kind, frame, fields):
        self.capture.frames.append(frame)
        self.expected.append((kind, fields))
        self.kinds[kind] += 1

    def esp(self, kind, sa, packet, next_header, data, *, block):
        """Seals `packet`, which must carry `data`, and a copy to be tampered with."""
        rng = self.rng
        seq = rng.randrange(1, 1 << 32)
        iv = rng.randbytes(CIPHERS[sa["cipher"]["alg"]][1])
        sealed = self.ours.seal(sa, packet, seq, iv=iv.hex())
        at = protection_at(sealed)
        fields = {
            "esp.spi": f"0x{sa['spi']:08x}", "esp.sequence": str(seq), "esp.icv_good": "1", "esp.icv_bad": "0",
            "esp.iv": iv.hex(),
            "esp.decrypted_data": (data + esp_trailer(len(data), block, next_header)).hex(),
        }
        if packets.version(sealed) == 4:
            fields["ip.checksum.status"] = "1"
        self.capture.know(sa, packets.version(sealed))
        self.add(kind, sealed, fields)
        # The SPI stays, or tshark does not know what to check with.
        octet = rng.randrange(at + 4, len(sealed))
        broken = sealed[:octet] + bytes([sealed[octet] ^ 1 << rng.randrange(8)]) + sealed[octet + 1 :]
        self.add("tampered ESP", broken, {"esp.icv_good": "0", "esp.icv_bad": "1"})

    def plain_esp(self, integrity, cipher, inner, outer, size):
        rng = self.rng
        packet = packets.plain(rng, inner, size)
        if outer:
            ends = packets.address(rng, outer), packets.address(rng, outer)
            following, data = (4 if inner == 4 else 41), packet
        else:
            ends = packets.ends(packet)
            following, data = transport_of(packet, size)
        mode = "tunnel" if outer else "transport"
        sa = association(rng, "esp", *ends, integrity=integrity, cipher=cipher, mode=mode)
        where = f"IPv{inner}" + (f" in IPv{outer}" if outer else "")
        self.esp(f"ESP {where}", sa, packet, following, data, block=CIPHERS[cipher[0]][2])

    def xcast_esp(self, integrity, cipher, family, mode):
        rng = self.rng
        xcast = Xcast(rng, family, rng.randrange(1200), separated=rng.random() < 0.3)
        packet = xcast.packet()
        tunnel = ("2001:db8::1", "2001:db8::2")
        sa = association(
            rng, "esp", *(packets.ends(packet) if mode == "transport" else tunnel), integrity=integrity, cipher=cipher,
            mode=mode
        )
        following, data = xcast.protocol, xcast.data
        if mode == "tunnel":
            following, data = (4 if family == 4 else 41), packet
        self.esp(f"ESP Xcast{family} {mode}", sa, packet, following, data, block=CIPHERS[cipher[0]][2])

    def ah(self, integrity, packet, kind, following, *, outer=None, **more):
        rng = self.rng
        ends = (packets.address(rng, outer), packets.address(rng, outer)) if outer else packets.ends(packet)
        sa = association(rng, "ah", *ends, integrity=integrity, mode="tunnel" if outer else "transport", **more)
        pad_to_8 = rng.random() < 0.5
        seq = rng.randrange(1, 1 << 32)
        sealed = self.ours.seal(sa, packet, seq, pad_to_8=pad_to_8)
        at = protection_at(sealed)
        icv_len = INTEGRITY[integrity][2]
        unit = 8 if pad_to_8 or packets.version(sealed) == 6 else 4
        length = 12 + icv_len + -(12 + icv_len) % unit
        fields = {
            "ah.spi": f"0x{sa['spi']:08x}", "ah.sequence": str(seq), "ah.next_header": str(following),
            "ah.length": str(length // 4 - 2), "ah.icv": sealed[at + 12 : at + length].hex(),
        }
        if sealed[at + 12 + icv_len : at + length].strip(b"\0"):
            self.failures.append(f"ICV padding is not zero in {sealed.hex()}")
        if packets.version(sealed) == 4:
            fields["ip.checksum.status"] = "1"
        self.add(kind, sealed, fields)

    def compare(self):
        for row, frame, (kind, fields) in zip(self.capture.dissect(), self.capture.frames, self.expected):
            # Of several packets in each other, the outermost is the one we made.
            # What ESP held is looked into before the ICV is judged, and with a bit flipped may break off there.
            if kind == "tampered ESP" and row["_ws.malformed"] and not row["esp.icv_good"]:
                self.counts["broken"] += 1
                continue
            wrong = {
                name: (row[name], value)
                for name, value in fields.items()
                if (row[name].split(",")[0] if name == "ip.checksum.status" else row[name].replace(":", "")) != value
            }
            if wrong:
                self.failures.append(f"frame {row['frame.number']}, {kind}: tshark and we: {wrong} in {frame.hex()}")
            else:
                self.counts[kind.split()[0]] += 1


def transport_of(packet, size):
    """Protocol and octets of what ESP protects of a plain packet: all but Hop-by-Hop."""
    headers, kind, at = packets.extension_headers(packet)
    for header, start, _ in headers:
        if header != packets.HOP_BY_HOP:
            kind, at = header, start
            break
    assert len(packet) - at == size
    return kind, packet[at:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", help="the program to talk to")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=8, help="packets of each combination (default 8)")
    parser.add_argument("--keep", type=pathlib.Path, help="leave the capture and the keys here")
    arguments = parser.parse_args()
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.keep or pathlib.Path(scratch)
        print(f"{tshark(folder, '--version').splitlines()[0]} seed {seed}")
        ciphers = supported(folder)
        print(f"  ciphers of this tshark: {', '.join(ciphers)}; without: {', '.join({*CIPHERS} - {*ciphers}) or 'none'}")
        rng = random.Random(seed)
        ours = Ours(arguments.peer)
        run = Run(ours, rng, folder)
        protections = [
            (integrity, (name, size))
            for name in ciphers
            for integrity in ([None] if name in COMBINED else INTEGRITY)
            for size in CIPHERS[name][0]
        ]
        places = [(4, None), (6, None), *itertools.product((4, 6), repeat=2)]
        sizes = itertools.chain(range(48), iter(lambda: rng.randrange(1401), None))
        for _ in range(arguments.rounds):
            for protection, place in itertools.product(protections, places):
                run.plain_esp(*protection, *place, next(sizes))
            for protection in protections:
                for family, mode in itertools.product((4, 6), ("transport", "tunnel")):
                    run.xcast_esp(*protection, family, mode)
            for integrity, (inner, outer), esn in itertools.product(INTEGRITY, places, (False, True)):
                size = rng.randrange(1401)
                packet = packets.plain(rng, inner, size)
                following = (4 if inner == 4 else 41) if outer else transport_of(packet, size)[0]
                where = f"IPv{inner}" + (f" in IPv{outer}" if outer else "")
                run.ah(integrity, packet, f"AH {where}", following, outer=outer, esn=esn)
            for integrity in INTEGRITY:
                xcast = Xcast(rng, 4, rng.randrange(1200), separated=True)
                run.ah(integrity, xcast.packet(), "AH Xcast4", packets.XCAST4_PROTOCOL)
                for coverage in ("covered", "data-zeroed", "fields-zeroed"):
                    xcast = Xcast(rng, 6, rng.randrange(1200), separated=coverage == "covered")
                    run.ah(integrity, xcast.packet(), "AH Xcast6", xcast.protocol, routing_coverage=coverage)
        ours.close()
        run.compare()
    if run.counts["broken"] > run.kinds["tampered ESP"] // 20:
        run.failures.append(f"{run.counts['broken']} tampered packets were never judged")
    for kind, count in sorted(run.kinds.items()):
        print(f"  {count:6} × {kind}")
    for failure in run.failures[:10]:
        print(f"FAILED {failure}")
    if run.failures:
        sys.exit(f"tshark: {len(run.failures)} packets FAILED")
    print(
        f"tshark: {run.counts['ESP']} ESP packets ours→tshark decrypted with good ICVs,"
        f" {run.counts['tampered']} + {run.counts['broken']} tampered ones found bad + malformed;"
        f" {run.counts['AH']} AH packets dissected"
    )


if __name__ == "__main__":
    main()
