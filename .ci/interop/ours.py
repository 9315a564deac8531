"""The crate's end of a live run: `peer`, asked over pipes. See src/main.rs for the questions."""

import hashlib
import json
import subprocess


class Refused(Exception):
    """The crate would not seal or open it."""


class PeerGone(Exception):
    """The crate panicked, or `peer` ended."""


class Ours:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise PeerGone(f"the peer has gone, asked {request}")
        answer = json.loads(line)
        if "error" in answer:
            if answer["error"].startswith("panic"):
                raise PeerGone(f"the crate panicked, asked {request}")
            raise Refused(answer["error"])
        return answer

    def seal(self, sa, packet, seq, **more):
        return bytes.fromhex(self.ask(op="seal", sa=sa, packet=packet.hex(), seq=seq, **more)["packet"])

    def open(self, sa, packet, **more):
        """The packet and its full sequence number."""
        answer = self.ask(op="open", sa=sa, packet=packet.hex(), **more)
        return bytes.fromhex(answer["packet"]), answer["seq"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)


# Octets of key, and of ICV.
INTEGRITY = {
    "hmac-md5-96": (hashlib.md5, 16, 12),
    "hmac-sha1-96": (hashlib.sha1, 20, 12),
    "hmac-sha2-256-128": (hashlib.sha256, 32, 16),
    "hmac-sha2-384-192": (hashlib.sha384, 48, 24),
    "hmac-sha2-512-256": (hashlib.sha512, 64, 32),
}
# Octets of keying material, of IV, and of the multiple that the encrypted data is.
SEPARATE = {
    "null": ((0,), 0, 4),
    "aes-cbc": ((16, 24, 32), 16, 16),
    "aes-ctr": ((20, 28, 36), 8, 4),
}
COMBINED = {"aes-gcm-16": ((20, 28, 36), 8, 4), "chacha20-poly1305": ((36,), 8, 4)}
CIPHERS = {**SEPARATE, **COMBINED}


def association(rng, protocol, source, destination, *, integrity=None, cipher=None, mode="transport", **more):
    """An `sa` object with random keys. `cipher`: name and octets of keying material."""
    sa = {"protocol": protocol, "mode": mode, "spi": rng.randrange(256, 1 << 32), "src": source, "dst": destination}
    if integrity:
        sa["integrity"] = {"alg": integrity, "key": rng.randbytes(INTEGRITY[integrity][1]).hex()}
    if cipher:
        sa["cipher"] = {"alg": cipher[0], "key": rng.randbytes(cipher[1]).hex()}
    if mode == "tunnel":
        sa["tunnel"] = {"src": source, "dst": destination, "hop_limit": rng.randrange(2, 256)}
    return {**sa, **more}
