"""A Linux kernel in an emulator: an initramfs made for it, its console, and the wire to its network interface."""

import lzma
import os
import select
import signal
import socket
import subprocess
import time

MODULES = """
    virtio_pci virtio_net
    sha3_generic jitterentropy_rng sha1_generic sha256_generic sha512_generic md5 hmac cmac
    aes_generic ecb cbc ctr gf128mul ghash_generic gcm chacha_generic poly1305_generic chacha20poly1305
    crypto_null authenc authencesn drbg seqiv echainiv
    xfrm_user ah4 ah6 esp4 esp6
""".split()
# Those without which there is nothing to test.
NEEDED = {"virtio_net", "ah4", "ah6", "esp4", "esp6", "xfrm_user"}

GUEST_MAC = bytes.fromhex("525400000002")
OUR_MAC = bytes.fromhex("020000000001")
ETHERTYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}


class GuestError(Exception):
    """The guest does not do what it must for there to be a test."""


# --- initramfs --------------------------------------------------------------------------------------------------------


def archive(files):
    """A cpio archive, format newc, of `files`: (name, mode, octets)."""
    out = bytearray()

    def pad():
        out.extend(bytes(-len(out) % 4))

    for inode, (name, mode, octets) in enumerate([*files, ("TRAILER!!!", 0, b"")], 1):
        name = name.encode() + b"\0"
        fields = [inode, mode, 0, 0, 1, 0, len(octets), 0, 0, 0, 0, len(name), 0]
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + name
        pad()
        out += octets
        pad()
    return bytes(out)


def module_files(folder):
    """Modules by name, as the kernel spells it."""
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            stem, dot, kind = name.partition(".ko")
            if dot and kind in ("", ".xz"):
                found[stem.replace("-", "_")] = os.path.join(path, name)
    return found


def load_order(folder):
    """(name, octets) of every module that is wanted, each after those it depends on."""
    files, order = module_files(folder), {}

    def add(name):
        if name in order or name not in files:
            return
        with open(files[name], "rb") as file:
            octets = file.read()
        if files[name].endswith(".xz"):
            octets = lzma.decompress(octets)
        mark = b"\0depends="
        at = octets.find(mark)
        if at >= 0:
            at += len(mark)
            for other in octets[at : octets.index(b"\0", at)].decode().split(","):
                add(other.replace("-", "_"))
        order[name] = octets

    for name in MODULES:
        add(name)
    if missing := NEEDED - order.keys():
        raise GuestError(f"the kernel has no module {', '.join(sorted(missing))}")
    return list(order.items())


def program_files(program):
    """A program of this machine with the libraries it is linked to."""
    # Not where the shell has one of its own.
    yield "programs/" + os.path.basename(program), program
    listed = subprocess.run(["ldd", program], check=True, capture_output=True, text=True, timeout=20).stdout
    for line in listed.splitlines():
        path = next((word for word in line.split() if word.startswith("/")), None)
        if path:
            yield path.lstrip("/"), path


def initramfs(modules, busybox, ip, init, files):
    """The whole archive. `files` are texts by name, for the root folder."""
    program, plain, folder = 0o100755, 0o100644, 0o40755
    entries, folders = [("init", program, read(init)), ("bin/busybox", program, read(busybox))], set()
    entries += [(name, program, read(path)) for name, path in program_files(ip)]
    order = load_order(modules)
    entries += [(f"modules/{name}.ko", plain, octets) for name, octets in order]
    entries.append(("modules/order", plain, "".join(f"{name}.ko\n" for name, _ in order).encode()))
    entries += [(name, plain, text.encode()) for name, text in files.items()]
    for name, _, _ in entries:
        parts = name.split("/")[:-1]
        folders.update("/".join(parts[: end + 1]) for end in range(len(parts)))
    return archive([(name, folder, b"") for name in sorted(folders)] + entries)


def read(path):
    with open(path, "rb") as file:
        return file.read()


# --- The emulator -----------------------------------------------------------------------------------------------------


class Guest:
    """A running guest. Used with `with`, which ends it. Its files are in `scratch`, the working folder as long as it runs."""

    def __init__(self, scratch, kernel, archive, lifetime):
        self.scratch, self.unread = scratch, b""
        with open(os.path.join(scratch, "initramfs"), "wb") as file:
            file.write(archive)
        # Names of Unix sockets must be short: relative ones, in the scratch folder.
        self.before = os.getcwd()
        os.chdir(scratch)
        self.wire = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.wire.bind("ours")
        wire = "dgram,id=wire,local.type=unix,local.path=guests,remote.type=unix,remote.path=ours"
        card = f"virtio-net-pci,netdev=wire,romfile=,mac={GUEST_MAC.hex(':')}"
        # Ends by itself, even if this process is killed.
        command = ["timeout", "-k", "1", str(lifetime), "qemu-system-x86_64", "-machine", "pc", "-accel", "tcg"]
        command += ["-cpu", "max", "-smp", "1", "-m", "256", "-nodefaults", "-no-user-config", "-display", "none"]
        command += ["-no-reboot", "-serial", "file:console", "-serial", "stdio", "-netdev", wire, "-device", card]
        command += ["-kernel", kernel, "-initrd", "initramfs"]
        command += ["-append", "console=ttyS0 quiet panic=-1 cryptomgr.notests=1"]
        with open("qemu", "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, bufsize=0, start_new_session=True
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.chdir(self.before)
        self.wire.close()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        self.process.stdin.close()
        self.process.stdout.close()

    def logs(self):
        """What kernel and emulator had to say."""
        texts = [read(os.path.join(self.scratch, name)).decode(errors="replace") for name in ("qemu", "console")]
        return "\n".join(text.strip() for text in texts if text.strip())

    # --- Console ---

    def line(self, seconds):
        """One line that the guest wrote on its second serial line."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.unread:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise GuestError(f"no word from the guest for {seconds} s")
            octets = os.read(self.process.stdout.fileno(), 65536)
            if not octets:
                raise GuestError("the guest has ended")
            self.unread += octets
        line, _, self.unread = self.unread.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    def started(self, seconds=60):
        """Waits until it has booted."""
        word, *failed = self.line(seconds).split()
        # Of another module `ip` will tell whether it is missed.
        if word != "started" or NEEDED & {name.removesuffix(".ko") for name in failed}:
            raise GuestError(f"the guest did not load {' '.join(failed) or word}")

    def run(self, command, seconds=20):
        """Runs a line of shell in the guest: its exit status and output."""
        try:
            self.process.stdin.write(command.encode() + b"\n")
        except OSError as error:
            raise GuestError("the guest has ended") from error
        lines = []
        while True:
            line = self.line(seconds)
            if line.startswith("\x01"):
                return int(line[1:]), "\n".join(lines)
            lines.append(line)

    def output(self, command, seconds=20):
        """What a line of shell prints that must succeed."""
        status, text = self.run(command, seconds)
        if status != 0:
            raise GuestError(f"{command}: exit status {status}\n{text}")
        return text

    # --- Wire ---

    def send(self, packet):
        """Sends an IP packet, padded to the shortest length of a frame."""
        version = packet[0] >> 4
        mac = GUEST_MAC
        if version == 4 and packet[16] >> 4 == 14:
            mac = bytes([1, 0, 0x5E, packet[17] & 0x7F]) + packet[18:20]
        elif version == 6 and packet[24] == 0xFF:
            mac = b"\x33\x33" + packet[36:40]
        frame = mac + OUR_MAC + ETHERTYPES[version] + packet
        self.wire.settimeout(10)
        try:
            self.wire.sendto(frame.ljust(60, b"\xa5"), "guests")
        except OSError as error:
            raise GuestError(f"no frame can be sent to the guest: {error}") from error

    def receive(self, seconds):
        """The next unicast IP packet of the guest, or None. What its kernel says to groups of routers is nothing to us."""
        deadline = time.monotonic() + seconds
        while True:
            if not select.select([self.wire], [], [], max(0.0, deadline - time.monotonic()))[0]:
                return None
            frame = self.wire.recv(65536)
            packet = frame[14:]
            is_v4 = frame[12:14] == ETHERTYPES[4] and len(packet) >= 20 and packet[16] >> 4 != 14
            is_v6 = frame[12:14] == ETHERTYPES[6] and len(packet) >= 40 and packet[24] != 0xFF
            if is_v4 or is_v6:
                return packet
