#!/usr/bin/env python3
"""The phase 2 exchange of `group::ike` against an implementation of its own, both ends, and tshark over what was sent: it
must find ISAKMP with nothing malformed, and, given the keys, decrypt all of it and show every payload.

    ike_peer.py PEER [--seed N] [--keep FOLDER]
"""

import argparse
import hashlib
import hmac
import itertools
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from ours import Ours, Refused

HASHES = {"sha1": (hashlib.sha1, 2), "sha256": (hashlib.sha256, 4)}
SA, KE, ID, HASH, NONCE, NOTIFICATION, DELETE, KD = 1, 4, 5, 8, 10, 11, 12, 17
IDENTITY_PROTECTION, INFORMATIONAL, PUSH = 2, 5, 240
FIELDS = ["frame.number", "isakmp.exchangetype", "isakmp.messageid", "isakmp.typepayload", "isakmp.nonce", "isakmp.hash",
          "isakmp.notify.msgtype", "isakmp.delete.spi", "isakmp.enc.decrypted", "_ws.malformed", "_ws.expert.message"]


def chain(*payloads):
    """(type, body)… as a chain, and the type of the first."""
    kinds = [kind for kind, _ in payloads] + [0]
    return b"".join(struct.pack(">BBH", following, 0, 4 + len(body)) + body
                    for (_, body), following in zip(payloads, kinds[1:]))


def walk(kind, octets):
    """The payloads of a chain; what is behind it must be zeros, less than a block."""
    payloads = []
    while kind:
        following, reserved, length = struct.unpack_from(">BBH", octets)
        assert reserved == 0 and 4 <= length <= len(octets), octets.hex()
        payloads.append((kind, octets[4:length]))
        kind, octets = following, octets[length:]
    assert len(octets) < 16 and not any(octets), octets.hex()
    return payloads


class Phase1:
    """One phase 1, with its six messages, and what follows under it."""

    def __init__(self, rng, prf, key_len):
        self.rng, self.prf_name, self.key_len = rng, prf, key_len
        self.hash, self.hash_number = HASHES[prf]
        self.cookies = rng.randbytes(16)
        self.skeyid_a, self.skeyid_e = (rng.randbytes(self.hash().digest_size) for _ in range(2))
        material = self.skeyid_e
        if len(material) < key_len:
            first = self.prf(self.skeyid_e, b"\0")
            material = first + self.prf(self.skeyid_e, first)
        self.key = material[:key_len]
        self.next_id = {False: rng.randrange(1, 1 << 30), True: 1 << 31 | rng.randrange(1 << 30)}
        # Frames, whether the initiator sent it, and what tshark must see.
        self.frames = []
        self.main_mode()

    def prf(self, key, *parts):
        return hmac.new(key, b"".join(parts), self.hash).digest()

    def crypt(self, iv, octets, encrypt):
        cipher = Cipher(algorithms.AES(self.key), modes.CBC(iv))
        context = cipher.encryptor() if encrypt else cipher.decryptor()
        return context.update(octets) + context.finalize()

    def header(self, following, exchange, flags, message_id, length, cookies=None):
        return (cookies or self.cookies) + struct.pack(">BBBBII", following, 0x10, exchange, flags, message_id, 28 + length)

    def main_mode(self):
        """Main mode (RFC 2409 §5) as far as tshark looks: algorithms, public values, two encrypted messages."""
        attributes = [(1, 7), (14, 8 * self.key_len), (2, self.hash_number), (4, 14), (3, 1)]
        encoded = b"".join(struct.pack(">HH", 0x8000 | kind, value) for kind, value in attributes)
        transform = struct.pack(">BBH", 0, 0, 8 + len(encoded)) + bytes([1, 1, 0, 0]) + encoded
        proposal = struct.pack(">BBH", 0, 0, 8 + len(transform)) + bytes([1, 1, 0, 1]) + transform
        offer = chain((SA, struct.pack(">II", 1, 1) + proposal))
        half = self.cookies[:8] + bytes(8)
        public = [self.rng.randbytes(256) for _ in range(2)]
        for number, cookies in enumerate((half, self.cookies)):
            message = self.header(SA, IDENTITY_PROTECTION, 0, 0, len(offer), cookies) + offer
            self.frames.append((message, number == 0, None))
        for number, value in enumerate(public):
            body = chain((KE, value), (NONCE, self.rng.randbytes(16)))
            message = self.header(KE, IDENTITY_PROTECTION, 0, 0, len(body)) + body
            self.frames.append((message, number == 0, None))
        block = self.hash(b"".join(public)).digest()[:16]
        for number in range(2):
            body = chain((ID, bytes([1, 17, 1, 244, 192, 0, 2, number + 1])),
                         (HASH, self.rng.randbytes(self.hash().digest_size)))
            body = self.crypt(block, body + bytes(-len(body) % 16), True)
            block = body[-16:]
            message = self.header(ID, IDENTITY_PROTECTION, 1, 0, len(body)) + body
            self.frames.append((message, number == 0, {"types": [HASH, ID]}))
        self.last_block = block

    def first_iv(self, message_id):
        return self.hash(self.last_block + struct.pack(">I", message_id)).digest()[:16]

    def seal(self, exchange, message_id, iv, covered, payloads):
        rest = chain(*payloads)
        hashed = self.prf(self.skeyid_a, *covered, rest)
        following = payloads[0][0] if payloads else 0
        body = struct.pack(">BBH", following, 0, 4 + len(hashed)) + hashed + rest
        body = self.crypt(iv, body + bytes(-len(body) % 16), True)
        return self.header(HASH, exchange, 1, message_id, len(body)) + body

    def open(self, message, exchange, message_id, iv, covered):
        """Checks everything, returns the payloads behind HASH."""
        header, body = message[:28], message[28:]
        message_id = struct.unpack_from(">I", header, 20)[0] if message_id is None else message_id
        assert header == self.header(HASH, exchange, 1, message_id, len(body)), header.hex()
        plain = self.crypt(iv or self.first_iv(message_id), body, False)
        following, length = plain[0], struct.unpack_from(">H", plain, 2)[0]
        payloads = walk(following, plain[length:])
        expected = self.prf(self.skeyid_a, *(covered or [struct.pack(">I", message_id)]), chain(*payloads))
        assert plain[4:length] == expected, "HASH"
        return payloads

    def note(self, message, of_initiator, types, **more):
        self.frames.append((message, of_initiator, {"types": types, **more}))


class Run:
    def __init__(self, ours, rng):
        self.ours, self.rng, self.sessions, self.counts = ours, rng, [], {}

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def ask(self, op, **request):
        return self.ours.ask(op=op, session=self.session, **request)

    def receive(self, message, end, **more):
        """The event and the one frame that follows, if any. A damaged copy is refused first."""
        broken = bytearray(message)
        broken[self.rng.randrange(len(message))] ^= 1 << self.rng.randrange(8)
        try:
            event = self.ask("ike_receive", frame=broken.hex(), end=end, **more)
            sys.exit(f"FAILED a damaged message was taken as {event}: {broken.hex()}")
        except Refused:
            self.count("damaged messages refused")
        answer = self.ask("ike_receive", frame=message.hex(), end=end, **more)
        frames = [bytes.fromhex(frame) for frame in answer["frames"]]
        assert len(frames) <= 1
        return answer["event"], frames[0] if frames else None

    def start(self, prf, key_len, we_began):
        """`we_began`: the crate's end was initiator of phase 1."""
        phase1 = Phase1(self.rng, prf, key_len)
        self.session, self.we_began = phase1.cookies.hex(), we_began
        self.sessions.append(phase1)
        self.ask("ike_start", role="initiator" if we_began else "responder", cookies=phase1.cookies.hex(), prf=prf,
                 skeyid_a=phase1.skeyid_a.hex(), skeyid_e=phase1.skeyid_e.hex(), key_len=key_len,
                 last_block=phase1.last_block.hex())
        return phase1

    def description(self):
        """An SA payload of GDOI with one GAP payload (RFC 6407 §5.2, §5.4), and a KD payload with one key packet (§5.6).

        An SA TEK payload is left out: tshark 4.0 takes its SRC ID Data Len, one octet in RFC 6407 §5.5.1, for two.
        """
        spi = struct.pack(">I", self.rng.randrange(256, 1 << 32))
        gap = struct.pack(">BBHHHHH", 0, 0, 12, 0x8001, self.rng.randrange(1 << 16), 0x8002, self.rng.randrange(1 << 16))
        sa = struct.pack(">IIHH", 2, 0, 22, 0) + gap
        keys = b"".join(struct.pack(">HH", kind, 32) + self.rng.randbytes(32) for kind in (1, 2))
        packet = struct.pack(">BBHB", 1, 0, 9 + len(keys), 4) + spi + keys
        return (SA, sa), (KD, struct.pack(">HH", 1, 0) + packet)

    def they_push(self, phase1, reason):
        """The crate is the acceptor."""
        by_responder = self.we_began
        message_id = phase1.next_id[by_responder]
        phase1.next_id[by_responder] += 1
        m_id, ni = struct.pack(">I", message_id), self.rng.randbytes(32)
        described = self.description()
        first = phase1.seal(PUSH, message_id, phase1.first_iv(message_id), [m_id], [(NONCE, ni), *described])
        phase1.note(first, not by_responder, [HASH, NONCE, SA, KD], nonce=ni)
        event, second = self.receive(first, "acceptor", reason=reason)
        assert event == f"offer {chain(*described).hex()}", event
        payloads = phase1.open(second, PUSH, message_id, first[-16:], [m_id, ni])
        nr = payloads[0][1]
        assert payloads[0][0] == NONCE and len(nr) == 32
        if reason:
            assert payloads[1:] == [(NOTIFICATION, struct.pack(">IBBH", 2, 0, 0, reason))]
            phase1.note(second, by_responder, [HASH, NONCE, NOTIFICATION], nonce=nr, reason=reason)
            self.count("pushes rejected by us")
            return
        assert len(payloads) == 1
        phase1.note(second, by_responder, [HASH, NONCE], nonce=nr)
        assert self.receive(first, "acceptor") == ("duplicate", second)
        third = phase1.seal(PUSH, message_id, second[-16:], [b"\0", m_id, ni, nr], [])
        phase1.note(third, not by_responder, [HASH])
        assert self.receive(third, "acceptor") == ("confirmed", None)
        self.count("pushes accepted by us")

    def we_push(self, phase1, reason):
        """The crate is the pusher."""
        described = self.description()
        [first] = self.ask("ike_push", description=chain(*described).hex())["frames"]
        first = bytes.fromhex(first)
        m_id = first[20:24]
        message_id = struct.unpack(">I", m_id)[0]
        assert message_id >> 31 == (not self.we_began)
        payloads = phase1.open(first, PUSH, message_id, phase1.first_iv(message_id), [m_id])
        ni = payloads[0][1]
        assert payloads[0][0] == NONCE and len(ni) == 32 and tuple(payloads[1:]) == described
        phase1.note(first, self.we_began, [HASH, NONCE, SA, KD], nonce=ni)
        nr = self.rng.randbytes(32)
        rejection = [(NOTIFICATION, struct.pack(">IBBH", 2, 0, 0, reason))] if reason else []
        second = phase1.seal(PUSH, message_id, first[-16:], [m_id, ni], [(NONCE, nr), *rejection])
        phase1.note(second, not self.we_began, [HASH, NONCE] + [NOTIFICATION] * bool(reason), nonce=nr, reason=reason)
        event, third = self.receive(second, "pusher")
        if reason:
            assert (event, third) == (f"rejected {reason}", None), event
            self.count("pushes rejected by them")
            return
        assert event == "accepted", event
        assert phase1.open(third, PUSH, message_id, second[-16:], [b"\0", m_id, ni, nr]) == []
        phase1.note(third, self.we_began, [HASH])
        self.count("pushes accepted by them")

    def deletions(self, phase1):
        for name, protocol in (("esp", 1), ("ah", 2)):
            spi = self.rng.randrange(256, 1 << 32)
            body = struct.pack(">IBBHI", 2, protocol, 4, 1, spi)
            [message] = self.ask("ike_delete", protocol=name, spi=spi)["frames"]
            message = bytes.fromhex(message)
            assert phase1.open(message, INFORMATIONAL, None, None, None) == [(DELETE, body)]
            phase1.note(message, self.we_began, [HASH, DELETE], spi=spi)
            by_responder = self.we_began
            message_id = phase1.next_id[by_responder]
            phase1.next_id[by_responder] += 1
            message = phase1.seal(INFORMATIONAL, message_id, phase1.first_iv(message_id),
                                  [struct.pack(">I", message_id)], [(DELETE, body)])
            phase1.note(message, not by_responder, [HASH, DELETE], spi=spi)
            assert self.receive(message, "acceptor") == (f"deleted {name} {spi}", None)
            self.count("deletions, each way")


def dissect(folder, sessions):
    """What tshark says of each frame, as a dictionary."""
    folder.mkdir(parents=True, exist_ok=True)
    capture = folder / "ike.pcap"
    with capture.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        frames = ((number, *frame) for number, phase1 in enumerate(sessions) for frame in phase1.frames)
        for at, (session, message, of_initiator, _) in enumerate(frames):
            ends = [bytes([10, 0, session, end]) for end in (1, 2)]
            source, destination = ends if of_initiator else ends[::-1]
            udp = struct.pack(">HHHH", 500, 500, 8 + len(message), 0) + message
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), at, 0, 64, 17, 0) + source + destination
            frame = bytes(12) + b"\x08\x00" + ip + udp
            file.write(struct.pack("<IIII", at, 0, len(frame), len(frame)) + frame)
    table = "".join(f"{phase1.cookies[:8].hex()},{phase1.key.hex()}\n" for phase1 in sessions)
    (folder / "ikev1_decryption_table").write_text(table)
    command = ["tshark", "-n", "-r", str(capture), "-T", "fields", "-E", "occurrence=a"]
    command += [word for field in FIELDS for word in ("-e", field)]
    run = subprocess.run(command, env={**os.environ, "WIRESHARK_CONFIG_DIR": str(folder)}, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"tshark: {run.stderr}")
    return [dict(zip(FIELDS, line.split("\t"))) for line in run.stdout.splitlines()]


def compare(sessions, rows):
    frames = [frame for phase1 in sessions for frame in phase1.frames]
    if len(rows) != len(frames):
        sys.exit(f"tshark: {len(rows)} frames shown of {len(frames)}")
    decrypted = 0
    for row, (message, _, expected) in zip(rows, frames):
        problems = []
        if row["_ws.malformed"] or "alformed" in row["_ws.expert.message"]:
            problems.append("malformed")
        if row["isakmp.exchangetype"] != str(message[18]):
            problems.append(f"exchange type {row['isakmp.exchangetype']}")
        if expected is not None:
            decrypted += 1
            types = row["isakmp.typepayload"].split(",")
            missing = [kind for kind in expected["types"] if str(kind) not in types]
            if missing:
                problems.append(f"payloads {missing} not seen")
            if "nonce" in expected and expected["nonce"].hex() not in row["isakmp.nonce"].replace(":", ""):
                problems.append("nonce")
            if expected.get("reason") and str(expected["reason"]) not in row["isakmp.notify.msgtype"].split(","):
                problems.append("reason")
            if "spi" in expected and f"{expected['spi']:08x}" not in row["isakmp.delete.spi"].replace(":", ""):
                problems.append("deleted SPI")
        if problems:
            sys.exit(f"FAILED frame {row['frame.number']}: {', '.join(problems)}: {row}")
    return decrypted


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer", help="the program to talk to")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", type=pathlib.Path, help="leave the capture and the keys here")
    arguments = parser.parse_args()
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}")
    run = Run(Ours(arguments.peer), random.Random(seed))
    for prf, key_len, we_began in itertools.product(HASHES, (16, 24, 32), (False, True)):
        phase1 = run.start(prf, key_len, we_began)
        for reason in (0, 14, 0, 11, 16383):
            run.they_push(phase1, reason)
            run.we_push(phase1, reason)
        run.deletions(phase1)
    run.ours.close()
    for what, count in sorted(run.counts.items()):
        print(f"  {count:6} × {what}")
    with tempfile.TemporaryDirectory() as scratch:
        rows = dissect(arguments.keep or pathlib.Path(scratch), run.sessions)
        decrypted = compare(run.sessions, rows)
    print(f"ike: tshark dissected {len(rows)} ISAKMP messages, none malformed, and decrypted {decrypted}")


if __name__ == "__main__":
    main()
