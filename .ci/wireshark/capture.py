"""Captures, and what tshark with the dissector says of them."""

import ipaddress
import os
import pathlib
import pwd
import re
import struct
import subprocess
import sys

DISSECTOR = pathlib.Path(__file__).parents[2] / "examples/wireshark/xcast.lua"
VALUES = [
    "format", "version", "flags.a", "flags.x", "flags.d", "flags.p", "flags.r", "count", "checksum", "checksum.status",
    "channel", "next", "length", "header_len", "bitmap", "bitmap.place", "left", "dst.ipv4", "dst.ipv6", "dst.left",
    "dst.port", "dst.dscp", "dst.erased", "pending.ipv4", "pending.ipv6", "tunnel", "v2.icmp_offset", "v2.mark",
]
# The expert notes. ERRORS are what a reader refuses, REFUSED what a router does.
ERRORS = [
    "truncated", "fragment", "version.unsupported", "count.zero", "length.bad", "segments_left", "bitmap.beyond_count",
    "bitmap.place.bad", "bitmap.option_length", "bitmap.option_place", "option.overrun", "option.repeated",
    "padding.nonzero", "ds.low_bits", "ports_option.count", "checksum.bad", "v2.count.excess", "v2.reserved",
    "v2.inner_length", "v2.hop_limit", "v2.outer_destination", "hop_by_hop.place",
]
REFUSED = [
    "source.unusable", "dst.unusable", "anonymous.separated", "anonymous.ah", "bitmap.under_ah", "ah.behind_xcast4",
    "place.bad", "source_route", "tunnel.bad", "v2.mark.missing",
]
OTHER = ["dst.duplicate", "left.none", "group.other", "x_clear", "tunnel.destination"]
NOTES = ERRORS + REFUSED + OTHER
OTHERS = [
    "frame.number", "ip.checksum.status", "udp.checksum.status", "udp.dstport", "tcp.dstport", "ah.spi", "esp.spi",
    "icmpv6.type", "_ws.malformed", "_ws.expert.severity", "_ws.expert.message", "_ws.col.Info",
]
FIELDS = OTHERS + [f"xcast.{name}" for name in VALUES + NOTES]


def write(path, packets, snap=65535):
    """A capture file, of Ethernet: of raw IP, tshark takes some for PPP."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, packet in enumerate(packets):
            frame = bytes(12) + (b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd") + packet
            file.write(struct.pack("<IIII", number, 0, len(frame[:snap]), len(frame)) + frame[:snap])


def read(path):
    """The packets of a capture of raw IP, as the example writes it."""
    octets = path.read_bytes()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}[octets[:4]]
    network = struct.unpack_from(order + "I", octets, 20)[0]
    if network != 101:
        sys.exit(f"{path}: link type {network}")
    at, packets = 24, []
    while at < len(octets):
        length = struct.unpack_from(order + "I", octets, at + 8)[0]
        packets.append(octets[at + 16 : at + 16 + length])
        at += 16 + length
    return packets


class Tshark:
    """tshark with the dissector, in a folder of its own. `blind`: the dissector finds no field, as when Wireshark fills
    the columns only and makes no tree."""

    def __init__(self, folder, blind=False):
        self.folder = folder
        folder.chmod(0o755)
        self.dissector = folder / ("blind.lua" if blind else "xcast.lua")
        text = DISSECTOR.read_text()
        if blind:
            text, changed = re.subn(r"Field\.new\(\"[a-z0-9.]+\"\)", "function() end", text)
            if changed != 5:
                sys.exit(f"{DISSECTOR}: {changed} field extractors")
        self.dissector.write_text(text)
        self.dissector.chmod(0o644)
        # Newer versions run no script for root.
        self.user = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self.user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def __call__(self, *arguments):
        environment = {**os.environ, "WIRESHARK_CONFIG_DIR": str(self.folder / "none"), "HOME": str(self.folder)}
        command = ["tshark", "-n", "-X", f"lua_script:{self.dissector}", *arguments]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, cwd="/", **self.user)
        said = [line for line in run.stderr.splitlines() if not line.startswith("Running as user")]
        if run.returncode or said:
            sys.exit(f"{' '.join(command)}: status {run.returncode}: {run.stderr}")
        return run.stdout

    def rows(self, path, count, settings=()):
        """A dictionary of FIELDS for each of the `count` packets of a capture."""
        path.chmod(0o644)
        settings = ["ip.check_checksum:TRUE", "udp.check_checksum:TRUE", "ip.defragment:FALSE", *settings]
        output = self(
            # Port 2048 of a vector is nobody's, and not that of WCCP.
            "-r", str(path), "--disable-protocol", "wccp",
            *(word for setting in settings for word in ("-o", setting)), "-T", "fields", "-E", "occurrence=a",
            "-E", "aggregator=;", *(word for field in FIELDS for word in ("-e", field)),
        )
        rows = [dict(zip(FIELDS, line.split("\t"))) for line in output.split("\n")[:-1]]
        if [row["frame.number"] for row in rows] != [str(number + 1) for number in range(count)]:
            sys.exit(f"tshark: {len(rows)} frames shown of {count}")
        for row in rows:
            if "Lua Error" in "".join(row.values()):
                sys.exit(f"{path}, frame {row['frame.number']}: {row['_ws.expert.message']}")
        return rows


def notes(row, names):
    """Which of the expert notes a frame has."""
    return {name for name in names if row[f"xcast.{name}"]}


def value(row, name):
    """A field as the model has it."""
    text = row[f"xcast.{name}"]
    parts = text.split(";") if text else []
    if name.startswith(("dst.", "pending.")):
        return [convert(name, part) for part in parts]
    return convert(name, parts[0]) if parts else None


def convert(name, text):
    if name.startswith("flags.") or name in ("dst.left", "dst.erased"):
        return {"1": True, "True": True, "0": False, "False": False}[text]
    if name in ("channel", "bitmap", "v2.mark", "tunnel"):
        return text.replace(":", "")
    if name in ("format", "bitmap.place"):
        return text
    if name.endswith(("ipv4", "ipv6")):
        return str(ipaddress.ip_address(text))
    return int(text, 0)
