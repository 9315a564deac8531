"""The associations of the test, as `ip xfrm` and as the crate's vectors spell them."""

import hashlib
from ipaddress import ip_address

from linux_packets import family

# name: (key octets, in Linux, ICV bits)
INTEGRITY = {
    "hmac-md5-96": (16, "hmac(md5)", 96),
    "hmac-sha1-96": (20, "hmac(sha1)", 96),
    "hmac-sha2-256-128": (32, "hmac(sha256)", 128),
    "hmac-sha2-384-192": (48, "hmac(sha384)", 192),
    "hmac-sha2-512-256": (64, "hmac(sha512)", 256),
}
# name: (in Linux, IV octets, octets of salt or nonce behind the key, octets of a key)
CIPHERS = {
    "null": ("ecb(cipher_null)", 0, 0, (0,)),
    "aes-cbc": ("cbc(aes)", 16, 0, (16, 24, 32)),
    "aes-ctr": ("rfc3686(ctr(aes))", 8, 4, (16, 24, 32)),
    "aes-gcm-16": ("rfc4106(gcm(aes))", 8, 4, (16, 24, 32)),
    "chacha20-poly1305": ("rfc7539esp(chacha20,poly1305)", 8, 4, (32,)),
}
COMBINED = {"aes-gcm-16", "chacha20-poly1305"}
PROTOCOLS = {"esp": 50, "ah": 51}

# The guest's addresses: of its interface, and behind it, where tunnels lead.
GUEST = {4: "192.0.2.1", 6: "2001:db8::1"}
BEHIND_GUEST = {4: "192.0.2.2", 6: "2001:db8::2"}
# A group that it joins, and one that every IPv6 node is in: what joins a group of IPv6 for `ip` makes replies come from it.
GROUP = {4: "233.252.0.1", 6: "ff02::1"}


def peer_address(version, number):
    """Ours, another for every case."""
    return str(ip_address("198.18.0.0" if version == 4 else "2001:db8:1::") + number)


def behind_peer(version, number):
    """An address behind ours, from which tunnels lead."""
    return str(ip_address("198.19.0.0" if version == 4 else "2001:db8:2::") + number)


class Association:
    """One direction's association."""

    def __init__(self, protocol, mode, spi, src, dst, *, integrity=None, cipher=None, key_len=0, esn=False, pad_to_8=False,
                 passed=0, tfc=0):
        self.protocol, self.mode, self.spi, self.src, self.dst = protocol, mode, spi, src, dst
        self.integrity, self.cipher, self.key_len = integrity, cipher, key_len
        self.esn, self.tfc = esn, tfc
        self.to_group = dst in GROUP.values()
        # An AH of IPv4 alone can be padded in two ways.
        self.pad_to_8 = pad_to_8 and protocol == "ah" and family(src) == 4
        # The sequence number after which it starts, at both ends.
        self.passed = passed
        # Inner addresses of tunnel mode, source first.
        self.inner = None
        # Key material is another for every association, the same in every run.
        self.keys = hashlib.shake_256(f"{protocol} {spi} {src} {dst}".encode())

    def key(self, purpose, length):
        keys = self.keys.copy()
        keys.update(purpose)
        return keys.digest(length).hex()

    def integrity_key(self):
        return self.key(b" integrity", INTEGRITY[self.integrity][0])

    def cipher_key(self):
        return self.key(b" cipher", self.key_len + CIPHERS[self.cipher][2])

    def iv(self, sequence):
        """The IV we seal with: for counter modes one that is never the same, for CBC one that nobody can tell."""
        length = CIPHERS[self.cipher][1] if self.cipher else 0
        return sequence.to_bytes(8, "big").hex() if length == 8 else self.key(b" iv %d" % sequence, length)

    def vector(self):
        """As the `sa` of a vector."""
        sa = {"protocol": self.protocol, "mode": self.mode, "spi": self.spi, "dst": self.dst, "esn": self.esn}
        # That of a group is for any sender.
        if not self.to_group:
            sa["src"] = self.src
        sa["integrity"] = {"alg": self.integrity, "key": self.integrity_key()} if self.integrity else None
        sa["cipher"] = {"alg": self.cipher, "key": self.cipher_key()} if self.cipher else None
        if self.protocol == "ah":
            sa["routing_coverage"] = "covered"
        if self.mode == "tunnel":
            sa["tunnel"] = {"src": self.src, "dst": self.dst, "hop_limit": 64}
        return sa

    def more(self, sequence=None):
        """What the crate is asked beside the `sa`."""
        more = {"pad_to_8": True} if self.pad_to_8 else {}
        if sequence is not None:
            more["iv"] = self.iv(sequence)
        return more

    def state(self):
        """The arguments of `ip xfrm state add`."""
        words = ["src", self.src, "dst", self.dst, "proto", self.protocol, "spi", self.spi, "reqid", self.spi]
        words += ["mode", self.mode, "replay-window", 64]
        for half, value in (("", self.passed & 0xFFFFFFFF), ("-hi", self.passed >> 32)):
            if value:
                words += [f"replay-seq{half}", value, f"replay-oseq{half}", value]
        flags = [flag for flag, on in (("esn", self.esn), ("align4", self.is_align4())) if on]
        for flag in flags:
            words += ["flag", flag]
        if self.integrity:
            _, name, bits = INTEGRITY[self.integrity]
            words += ["auth-trunc", name, "0x" + self.integrity_key(), bits]
        if self.cipher in COMBINED:
            words += ["aead", CIPHERS[self.cipher][0], "0x" + self.cipher_key(), 128]
        elif self.cipher:
            words += ["enc", CIPHERS[self.cipher][0], "0x" + self.cipher_key() if self.key_len else '""']
        if self.tfc:
            words += ["tfcpad", self.tfc]
        if self.inner:
            words += ["sel", "src", self.inner[0], "dst", self.inner[1]]
        return " ".join(map(str, words))

    def is_align4(self):
        return self.protocol == "ah" and family(self.src) == 4 and not self.pad_to_8

    def template(self):
        words = ["tmpl", "src", self.src, "dst", self.dst, "proto", self.protocol, "spi", self.spi, "reqid", self.spi]
        return " ".join(map(str, [*words, "mode", self.mode]))

    def algorithms(self):
        named = [f"{self.cipher}-{self.key_len * 8}" if self.key_len else self.cipher, self.integrity]
        return " ".join(name for name in named if name)


class Case:
    """A pair of addresses whose echo requests and replies are protected, each direction by one association or more."""

    def __init__(self, name, number, src, dst, inbound, outbound, *, reply_from=None):
        self.name, self.number = name, number
        # The addresses of the request: a peer's, and the guest's or a group's.
        self.src, self.dst = src, dst
        # From where a reply comes.
        self.reply_from = reply_from or dst
        # As the guest sees it, the innermost protection first.
        self.inbound, self.outbound = inbound, outbound
        self.sent = {association.spi: association.passed for association in inbound}
        self.received = {association.spi: association.passed for association in outbound}

    def associations(self):
        return self.inbound + self.outbound

    def policies(self):
        """The arguments of `ip xfrm policy add`."""
        out = " ".join(association.template() for association in self.outbound)
        into = " ".join(association.template() for association in self.inbound)
        yield f"src {self.reply_from} dst {self.src} dir out {out}"
        yield f"src {self.src} dst {self.dst} dir in {into}"


class Cases:
    """Makes cases, numbering them and their SPIs."""

    def __init__(self):
        self.all = []
        self.spi = 0x1000

    def add(self, name, version, layers, *, outer=None, same_spi_as=None, to_group=False):
        """A case between addresses of family `version`. `layers` are what `Association` takes, the innermost first; in
        tunnel mode the outer addresses are of family `outer`."""
        number = len(self.all) + 1
        tunnel = any(layer["mode"] == "tunnel" for layer in layers)
        outer = outer or version
        src, dst = peer_address(outer, number), GROUP[outer] if to_group else GUEST[outer]
        ends = (behind_peer(version, number), BEHIND_GUEST[version]) if tunnel else (src, dst)
        into, out = [], []
        for place, layer in enumerate(layers):
            if same_spi_as:
                into.append(same_spi_as.inbound[place])
            else:
                into.append(self.association(src, dst, ends, layer))
            out.append(self.association(GUEST[outer], src, ends[::-1], layer))
        case = Case(name, number, *ends, into, out, reply_from=GUEST[version] if to_group else None)
        self.all.append(case)
        return case

    def association(self, src, dst, ends, layer):
        self.spi += 1
        association = Association(spi=self.spi, src=src, dst=dst, **layer)
        if association.mode == "tunnel":
            association.inner = ends
        return association

    def batch(self):
        """All of it for `ip -batch`."""
        done = set()
        for case in self.all:
            for association in case.associations():
                if association.spi not in done:
                    done.add(association.spi)
                    yield f"xfrm state add {association.state()}"
            for policy in case.policies():
                yield f"xfrm policy add {policy}"


def addresses():
    """The guest's addresses and routes for `ip -batch`. Without address resolution: the peers are many, and one machine."""
    yield "link set lo up"
    yield "link set eth0 arp off up"
    for version, bits, all_addresses in ((4, 32, "0.0.0.0/0"), (6, 128, "::/0")):
        yield f"address add {GUEST[version]}/{bits} dev eth0"
        yield f"address add {BEHIND_GUEST[version]}/{bits} dev lo"
        if version == 4:
            yield f"address add {GROUP[4]}/32 dev eth0 autojoin"
        yield f"route add {all_addresses} dev eth0 src {GUEST[version]}"
