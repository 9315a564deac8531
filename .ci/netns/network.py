"""The network: a sender, two Xcast routers, a plain router on a second path between them, and three receivers.

                    +-- c
                    |7
    s --1-- r1 --2-- r2 --5-- a
             |       | |
             3       4 +--6-- b      (link 6 takes 1300 octets)
             +-- p --+

Link N is 10.77.N.0/24 and 2001:db8:N::/64; the first node named in LINKS has 1 there, the second 2. a and b have
further addresses that the routes lead to through p, which knows nothing of Xcast: "far" (15, 16; r1 has tunnels there)
and "beyond" (IPv6 only; 25, 26; r1 has none). Everything is in namespaces; nothing leads out of them.
"""

import ctypes
import os
import socket
import subprocess
from contextlib import contextmanager

NODES = ("s", "r1", "r2", "p", "a", "b", "c")
LINKS = {1: ("s", "r1"), 2: ("r1", "r2"), 3: ("r1", "p"), 4: ("p", "r2"), 5: ("r2", "a"), 6: ("r2", "b"),
         7: ("r1", "c")}
NARROW = 6
NARROW_MTU = 1300
ROUTERS = ("r1", "r2", "p")
RECEIVERS = ("a", "b", "c")
# What s sends from, by what receivers ask of it.
SOURCES = {"clear": 1, "esp": 11, "ah+esp": 12, "ah": 13}
FAR = {"a": 15, "b": 16}
BEYOND = {"a": 25, "b": 26}

# Routes beside those of the links: node, networks, next hop.
ROUTES = [
    ("r1", (5, 6), (2, 2)),
    ("r1", (4, 15, 16, 25, 26), (3, 2)),
    ("p", (5, 6, 15, 16, 25, 26), (4, 2)),
    ("p", (1, 2, 7), (3, 1)),
    ("r2", (1, 7), (2, 1)),
    ("r2", (3,), (4, 1)),
    ("r2", (15, 25), (5, 2)),
    ("r2", (16, 26), (6, 2)),
]
DEFAULTS = [("s", (1, 2)), ("a", (5, 1)), ("b", (6, 1)), ("c", (7, 1))]


def v4(network, host):
    return f"10.77.{network}.{host}"


def v6(network, host):
    return f"2001:db8:{network}::{host}"


def address(family, network, host):
    return v4(network, host) if family == 4 else v6(network, host)


def network_of(family, network):
    return f"10.77.{network}.0/24" if family == 4 else f"2001:db8:{network}::/64"


def own(family, node, link):
    """The address of a node on a link."""
    return address(family, link, LINKS[link].index(node) + 1)


def near(family, node):
    """The address of a receiver on its link."""
    link = next(link for link, ends in LINKS.items() if ends[1] == node)
    return own(family, node, link)


def interface(link, node):
    """The name of a node's interface: where it leads to."""
    return f"to-{next(end for end in LINKS[link] if end != node)}"


def ip(*arguments, stdin=None):
    done = subprocess.run(("ip", *arguments), input=stdin, text=True, capture_output=True)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}\n{stdin or ''}")


def build():
    for node in NODES:
        ip("netns", "add", node)
    for link, (one, two) in LINKS.items():
        ip("link", "add", interface(link, one), "netns", one, "type", "veth", "peer", "name", interface(link, two),
           "netns", two)
    for node in NODES:
        settings = {"ipv4/conf/all/rp_filter": 0, "ipv4/conf/default/rp_filter": 0, "ipv6/conf/all/accept_dad": 0,
                    "ipv6/conf/default/accept_dad": 0, "ipv6/conf/all/accept_ra": 0, "ipv6/conf/all/disable_ipv6": 0}
        if node in ROUTERS:
            settings |= {"ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1}
        with inside(node):
            for name, value in settings.items():
                with open(f"/proc/sys/net/{name}", "w", encoding="ascii") as file:
                    file.write(str(value))
        ip("-n", node, "-batch", "-", stdin="\n".join(commands(node)) + "\n")
    # It branches semi-permeable tunnels: its kernel must not forward them as well.
    ip("-n", "r2", "-6", "rule", "add", "ipproto", "ipv6", "blackhole")


def commands(node):
    """What `ip` is to do in the namespace of a node."""
    yield "link set lo up"
    for link, ends in LINKS.items():
        if node in ends:
            name = interface(link, node)
            yield f"addr add {own(4, node, link)}/24 dev {name}"
            yield f"addr add {own(6, node, link)}/64 dev {name} nodad"
            if link == NARROW:
                yield f"link set {name} mtu {NARROW_MTU}"
            yield f"link set {name} up"
    if node == "s":
        for host in SOURCES.values():
            if host != 1:
                yield f"addr add {v4(1, host)}/24 dev {interface(1, 's')}"
                yield f"addr add {v6(1, host)}/64 dev {interface(1, 's')} nodad"
    if node in FAR:
        yield f"addr add {v4(FAR[node], 2)}/32 dev lo"
        for network in (FAR[node], BEYOND[node]):
            yield f"addr add {v6(network, 2)}/128 dev lo nodad"
    for at, networks, hop in ROUTES:
        if at == node:
            for network in networks:
                # The far end of a link has its network already.
                for family in (4, 6):
                    yield f"route add {network_of(family, network)} via {address(family, *hop)}"
    for at, hop in DEFAULTS:
        if at == node:
            yield f"route add default via {v4(*hop)}"
            yield f"route add default via {v6(*hop)}"
    if node in RECEIVERS:
        yield "tuntap add xcast0 mode tun"
        yield "link set xcast0 up"


LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


@contextmanager
def inside(node):
    """Within it, what this thread opens is in the namespace of a node. It stays there."""
    there = f"/run/netns/{node}"
    with open("/proc/thread-self/ns/net", encoding="ascii") as home, open(there, encoding="ascii") as namespace:
        enter(namespace)
        try:
            yield
        finally:
            enter(home)


def enter(namespace):
    if LIBC.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")


def udp_socket(node, family, *bind):
    with inside(node):
        made = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
        if family == 6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if bind:
            made.bind(bind)
    made.setblocking(False)
    return made


def packet_socket(node, link):
    """Frames of a node's interface, both ways, and a way to send some."""
    with inside(node):
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        made.bind((interface(link, node), 3))
    made.setblocking(False)
    return made


def kernel_counters(node):
    """What the kernel of a node counts of UDP, both families."""
    found = {}
    with inside(node):
        with open("/proc/thread-self/net/snmp", encoding="ascii") as file:
            names, values = [line.split()[1:] for line in file if line.startswith("Udp:")]
        found |= {f"4{name}": int(value) for name, value in zip(names, values)}
        with open("/proc/thread-self/net/snmp6", encoding="ascii") as file:
            for name, value in (line.split() for line in file):
                if name.startswith("Udp6"):
                    found["6" + name.removeprefix("Udp6")] = int(value)
    return found
