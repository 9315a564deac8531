"""The nodes: their configurations, their processes, and what they say."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from network import BEYOND, FAR, RECEIVERS, SOURCES, address, interface, near, network_of, own

PORT = 5000
# Where there is a list of ports.
OWN_PORTS = {"a": 5001, "b": 5002, "c": 5003}
SOURCE_PORT = 4000
GROUP = {4: "224.0.0.254", 6: "ff02::114"}

# Of this run alone.
KEY_LENGTHS = {"esp4": 20, "esp6": 20, "ah4": 32, "ah6": 32, "inner4": 16, "inner6": 16, "inner-icv": 32, "alone4": 32,
               "alone6": 32}
KEYS = {name: os.urandom(length).hex() for name, length in KEY_LENGTHS.items()}


def keys_file():
    lines = []
    for family in (4, 6):
        esp, both, ah = (address(family, 1, SOURCES[protection]) for protection in ("esp", "ah+esp", "ah"))
        group = GROUP[family]
        coverage = " coverage=fields-zeroed" if family == 6 else ""
        lines += [
            f"esp 0x0e00000{family} transport src={esp} dst={group} cipher=aes-gcm-16:{KEYS[f'esp{family}']}",
            f"ah  0x0a00001{family} transport src={both} dst={group} "
            f"integrity=hmac-sha2-256-128:{KEYS[f'ah{family}']}{coverage}",
            f"esp 0x0e00001{family} transport src={both} dst={group} cipher=aes-cbc:{KEYS[f'inner{family}']} "
            f"integrity=hmac-sha2-256-128:{KEYS['inner-icv']}",
            f"ah  0x0a00002{family} transport src={ah} dst={group} "
            f"integrity=hmac-sha2-256-128:{KEYS[f'alone{family}']} coverage=covered",
        ]
    return "\n".join(lines) + "\n"


def receiver(node):
    link = {"a": 5, "b": 6, "c": 7}[node]
    lines = ["role receiver", f"interface {interface(link, node)}", "tun xcast0", "keys keys"]
    for family in (4, 6):
        for protection in ("esp", "ah+esp", "ah"):
            lines.append(f"require {protection} from={address(family, 1, SOURCES[protection])}")
    return lines


def router(node):
    links = {"r1": (1, 2, 3, 7), "r2": (2, 4, 5, 6)}[node]
    lines = ["role router"] + [f"interface {interface(link, node)}" for link in links]
    far = [FAR[name] for name in FAR]
    for family in (4, 6):
        if node == "r1":
            # r2 is asked, and p as well, which will not answer.
            lines += [f"neighbour {own(family, 'r2', 2)} ask from={own(family, 'r1', 2)}",
                      f"neighbour {own(family, 'p', 3)} ask from={own(family, 'r1', 3)}",
                      f"neighbour {near(family, 'c')} capable"]
            ends = f"{own(family, 'r1', 3)} {own(family, 'r2', 4)}"
            lines += [f"tunnel {network_of(family, there)} {ends}" for there in far]
        else:
            lines += [f"neighbour {near(family, name)} capable" for name in ("a", "b")]
            lines += [f"neighbour {own(family, 'r1', 2)} capable",
                      f"tunnel {network_of(family, 1)} {own(family, 'r2', 4)} {own(family, 'r1', 3)}"]
    if node == "r2":
        lines += ["semi-permeable pass-on"]
    if node == "r1":
        lines += ["ping 49200 49201 retry=100", f"semi-permeable initiate source={own(6, 'r1', 3)}"]
    return lines


# The sessions of s: members, protection, further directives.
def members(kind, family):
    if kind == "near":
        return [near(family, name) for name in RECEIVERS]
    if kind == "ports":
        return [f"{near(family, name)} port={OWN_PORTS[name]}" for name in RECEIVERS]
    return [address(family, there, 2) for there in {"far": FAR, "beyond": BEYOND}[kind].values()]


SESSIONS = {
    "clear": ("near", "clear", ()),
    "clear-ports": ("ports", "clear", ()),
    "clear-far": ("far", "clear", ()),
    "esp": ("near", "esp", ()),
    "esp-ports": ("ports", "esp", ()),
    "ah+esp": ("near", "ah+esp", ("bitmap-option 4",)),
    "ah": ("near", "ah", ("bitmap-option",)),
    "esp-far": ("far", "esp", ()),
    "esp-beyond": ("beyond", "esp", ()),
    "hops": ("near", "clear", ("hop-limit 2",)),
    # What no honest sender does: from the address that owes ESP, in the clear.
    "owed": ("near", "esp", ("no-x2u",)),
}


def sender(name, family, listen):
    kind, protection, further = SESSIONS[name]
    # In IPv6 the bitmap may stay in its header, and AH covers around it: one of the sessions has it so.
    further = [directive.removesuffix(" 4") for directive in further if family == 4 or not directive.endswith(" 4")]
    lines = ["role sender", f"interface {interface(1, 's')}", f"listen 127.0.0.1:{listen}",
             f"source {address(family, 1, SOURCES[protection])}", f"router {own(family, 'r1', 1)}",
             f"ports {SOURCE_PORT} {PORT}", *further]
    lines += [f"member {member}" for member in members(kind, family)]
    if protection != "clear" and name != "owed":
        # Sessions of one source share its numbers, and so cannot run at once: each is started when it is its turn.
        lines += [f"protect {protection}", "keys keys", f"state {protection}{family}.state"]
    return lines


class Node:
    """A process of xcast_node in a namespace, and its log."""

    def __init__(self, program, folder, name, namespace, lines):
        self.name = name
        self.namespace = namespace
        self.program = program
        self.folder = Path(folder)
        self.config = self.folder / f"{name}.conf"
        self.config.write_text("\n".join(lines) + "\n", encoding="ascii")
        self.log = self.folder / f"{name}.log"
        self.log.touch()
        # The keys were made a moment ago.
        for line in lines:
            if line.startswith("state "):
                (self.folder / line.split()[1]).touch()
        self.process = None

    def start(self):
        starts = self.text().count(" running\n")
        with self.log.open("ab") as log:
            command = ["ip", "netns", "exec", self.namespace, self.program, str(self.config)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 5
        while self.text().count(" running\n") == starts:
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.name} does not start:\n{self.text()}")
            time.sleep(0.005)
        return self

    def text(self):
        return self.log.read_text(encoding="utf-8")

    def wait_for(self, pattern, seconds=4, after=0):
        """The first match in what was logged behind the first `after` characters, or None."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.text()[after:])
            if found or time.monotonic() > end:
                return found
            time.sleep(0.01)

    def counters(self):
        """What the process counts, as 'set.name'; what is 0 is left out."""
        after = len(self.text())
        self.process.send_signal(signal.SIGUSR1)
        last = {"sender": "ipsec", "receiver": "tun", "router": "pings"}
        role = self.config.read_text(encoding="ascii").split()[1]
        last = "router" if role == "router" and "\nping " not in self.config.read_text(encoding="ascii") else last[role]
        if not self.wait_for(rf"counters of {last}: .*\n", after=after):
            raise RuntimeError(f"{self.name} does not tell its counters")
        found = {}
        for kind, values in re.findall(r"counters of (\w+): (.*)", self.text()[after:]):
            for name, value in re.findall(r"(\w+)=(\d+)", values):
                found[f"{kind}.{name}"] = int(value)
        return found

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Ends it as a host would, and returns its exit status."""
        if self.process is None or self.process.poll() is not None:
            return None if self.process is None else self.process.returncode
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "no end"
