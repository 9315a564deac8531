"""The cases, in the order in which they run. Each gets the world as the one before left it."""

import subprocess
import time
from ipaddress import ip_address
from pathlib import Path

from network import RECEIVERS, kernel_counters, near, own
from nodes import KEYS, OWN_PORTS, PORT
from traffic import MARK, is_icmp_error, is_tunnel, is_udp, is_xcast, spi_at, wanted_source

FAMILIES = (4, 6)


def command_line(world):
    """Errors are told by exit statuses, and where they are"""
    def run(*arguments):
        done = subprocess.run((world.program, *arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=5)
        return done.returncode, done.stdout, done.stderr
    status, out, _ = run("--help")
    world.check("--help tells of configurations and keys", status == 0 and "role ROLE" in out and "Keys file" in out)
    world.equal("no argument", run()[0], 2)
    world.equal("an unknown argument", run("--no-such-argument")[::2], (
        2, "error: unknown argument '--no-such-argument'\nFor the options, use --help.\n"))
    folder = Path(world.folder)
    world.equal("no such file", run(str(folder / "nothing"))[0], 1)
    bad = folder / "bad.conf"
    bad.write_text("role router\ninterface to-s\nneighbour somewhere capable\n", encoding="ascii")
    wanted = f"error: {bad}: line 3, column 11: expected an address\n"
    world.equal("a configuration that is wrong", run(str(bad))[::2], (3, wanted))
    bad.write_text("role receiver\ninterface lo\ntun xcast0\nkeys bad.keys\nrequire esp\n", encoding="ascii")
    (folder / "bad.keys").write_text("esp 0x100 transport cipher=aes-gcm-16:secret\n", encoding="ascii")
    world.equal("it is right, its keys are not", (run("--check", str(bad))[0], run(str(bad))[0]), (0, 1))
    world.check("what is wrong with a key is told without the key", "secret" not in run(str(bad))[2])


def capabilities(world):
    """Routers find out by pings which neighbours understand Xcast"""
    world.start_routers()
    r1 = world.nodes["r1"]
    for family in FAMILIES:
        found = r1.wait_for(rf"neighbour {own(family, 'r2', 2)}: Capable\n")
        world.check(f"IPv{family}: r2 answers pings, and is taken for capable", found)
    for family in FAMILIES:
        found = r1.wait_for(rf"neighbour {own(family, 'p', 3)}: NotCapable\n", seconds=6)
        world.check(f"IPv{family}: p does not, and is taken for not capable", found)


def unmodified_receivers(world):
    """Unmodified receivers get plain UDP from X2U, through their kernel's own stack"""
    for family in FAMILIES:
        with world.session("clear", family) as session:
            payload, got = session.who_gets(RECEIVERS)
            world.equal(f"IPv{family}: each of three programs gets it once", got, ["a", "b", "c"])
            sources = world.programs.sources_of(payload)
            world.equal(f"IPv{family}: from the sender", sources, wanted_source(family, "clear"))
            first = [packet for packet in world.frames["s", 1].packets() if payload in packet]
            world.equal(f"IPv{family}: one Xcast packet left the sender", list(map(is_xcast, first)), [True])
            for node, link in (("a", 5), ("b", 6), ("c", 7)):
                last = [packet for packet in world.frames[node, link].packets() if payload in packet]
                world.equal(f"IPv{family}: one plain UDP packet came to {node}", list(map(is_udp, last)), [True])
    for node in RECEIVERS:
        counters = kernel_counters(node)
        errors = {name: value for name, value in counters.items() if name[1:] in ("InErrors", "InCsumErrors") and value}
        world.equal(f"the kernel of {node} finds every checksum good", errors, {})


def ports(world):
    """With a list of ports, each receiver's kernel finds its own port in the packet"""
    for family in FAMILIES:
        with world.session("clear-ports", family) as session:
            payload, got = session.who_gets(RECEIVERS)
            world.equal(f"IPv{family}: each of three programs gets it once", got, ["a", "b", "c"])
            world.equal(f"IPv{family}: at its own port", world.programs.ports_of(payload), OWN_PORTS)


def checksums_count(world):
    """The receivers' kernels do look at those checksums"""
    for family in FAMILIES:
        with world.session("clear", family) as session:
            payload, _ = session.who_gets(RECEIVERS)
            frame = next(frame for packet, frame in world.frames["a", 5].all() if payload in packet)
            wrong = payload[:-1] + b"!"
            world.frames["r2", 5].send(frame.replace(payload, wrong))
            got = world.programs.who_got(wrong, family, ())
            world.equal(f"IPv{family}: a packet whose payload was changed is not delivered", got, [])
            world.equal(f"IPv{family}: and counted", kernel_counters("a")[f"{family}InCsumErrors"], 1)


def premature_x2u(world):
    """A next hop without Xcast gets one plain UDP packet per receiver (premature X2U)"""
    for family in FAMILIES:
        with world.session("clear-far", family) as session:
            payload, got = session.who_gets("ab")
            world.equal(f"IPv{family}: both programs get it once", got, ["a", "b"])
            passing = [packet for packet in world.frames["p", 3].packets() if payload in packet]
            world.equal(f"IPv{family}: p saw two plain UDP packets", list(map(is_udp, passing)), [True, True])


def protected(world):
    """Upgraded receivers get AH and ESP protected data, and their programs what was in it"""
    world.start_receivers()
    for protection, layers in (("esp", r"ESP #\d+"), ("ah+esp", r"AH #\d+ and ESP #\d+"), ("ah", r"AH #\d+")):
        for family in FAMILIES:
            with world.session(protection, family) as session:
                payload, got = session.who_gets(RECEIVERS)
                label = f"IPv{family}, {protection}"
                world.equal(f"{label}: each of three programs gets it once", got, ["a", "b", "c"])
                world.equal(f"{label}: from the sender", world.programs.sources_of(payload),
                            wanted_source(family, protection))
                frames = [packet for link in (("s", 1), ("a", 5), ("b", 6), ("c", 7)) for packet in
                          world.frames[link].packets()]
                world.equal(f"{label}: one Xcast packet on each link", sum(map(is_xcast, frames)), 4)
                readable = sum(MARK in frame for frame in frames)
                world.equal(f"{label}: that can be read on as many", readable, 4 if protection == "ah" else 0)
                for node in RECEIVERS:
                    found = world.nodes[node].wait_for(rf"delivered, from \S+ to {near(family, node)} port {PORT}: 80 "
                                                       rf"octets, {layers}\n")
                    world.check(f"{label}: {node} opened what it had to", found)


def protected_ports(world):
    """With a list of ports under ESP, the port is written into what goes to the receiver's kernel"""
    for family in FAMILIES:
        with world.session("esp-ports", family) as session:
            payload, got = session.who_gets(RECEIVERS)
            world.equal(f"IPv{family}: each of three programs gets it once", got, ["a", "b", "c"])
            world.equal(f"IPv{family}: at its own port", world.programs.ports_of(payload), OWN_PORTS)


def owed_protection(world):
    """What comes in the clear where ESP is required is refused"""
    for family in FAMILIES:
        with world.session("owed", family) as session:
            marks = {node: len(world.nodes[node].text()) for node in RECEIVERS}
            _, got = session.who_gets(())
            world.equal(f"IPv{family}: no program gets it", got, [])
            for node in RECEIVERS:
                # With X=1 it arrives as an Xcast packet.
                refusal = r"refused, from \S+: not protected, as policy asks"
                found = world.nodes[node].wait_for(refusal, after=marks[node])
                world.check(f"IPv{family}: {node} says why", found)


def configured_tunnel(world):
    """A plain router in the middle passes tunnelled Xcast (configured tunnel)"""
    for family in FAMILIES:
        with world.session("esp-far", family) as session:
            _, got = session.who_gets("ab")
            world.equal(f"IPv{family}: both programs get it once", got, ["a", "b"])
            passing = world.frames["p", 3].packets()
            world.equal(f"IPv{family}: one packet in a tunnel passed p", tunnels(passing), ["plain"])
            world.equal(f"IPv{family}: and no error message about it", sum(map(is_icmp_error, passing)), 0)


def semi_permeable_tunnel(world):
    """A plain router in the middle passes tunnelled Xcast (semi-permeable tunnel)"""
    with world.session("esp-beyond", 6) as session:
        _, got = session.who_gets("ab")
        world.equal("IPv6: both programs get it once", got, ["a", "b"])
        passing = world.frames["p", 3].packets()
        world.equal("IPv6: one packet in a tunnel passed p", tunnels(passing), ["semi-permeable"])
        world.equal("IPv6: and no error message about it", sum(map(is_icmp_error, passing)), 0)
        for node, link in (("a", 5), ("b", 6)):
            last = tunnels(world.frames[node, link].packets())
            world.equal(f"IPv6: r2 branched it, and {node} got a copy of its own", last, ["semi-permeable"])


def tunnels(packets):
    return [kind for kind in map(is_tunnel, packets) if kind]


def narrow_link(world):
    """A link with too small an MTU: the others are served, and it is counted and reported"""
    for name, family in (("clear", 4), ("clear", 6), ("esp", 6)):
        with world.session(name, family) as session:
            r2 = world.nodes["r2"]
            before, mark = r2.counters().get("router.too_big", 0), len(r2.text())
            _, got = session.who_gets("ac", size=1300)
            world.equal(f"IPv{family}, {name}: a and c get 1300 octets, b does not", got, ["a", "c"])
            found = r2.wait_for(rf"too big for the way to {near(family, 'b')}: 1 destinations not served, 1300 octets "
                                "fit\n", after=mark)
            world.check(f"IPv{family}, {name}: r2 reports it", found)
            world.equal(f"IPv{family}, {name}: r2 counts it", r2.counters().get("router.too_big", 0) - before, 1)
            _, got = session.who_gets(RECEIVERS)
            world.equal(f"IPv{family}, {name}: what is shorter gets to b", got, ["a", "b", "c"])


def hop_limit(world):
    """A hop limit that ends at the second router"""
    for family in FAMILIES:
        with world.session("hops", family) as session:
            r2 = world.nodes["r2"]
            before = r2.counters().get("router.hop_limit", 0)
            _, got = session.who_gets("c")
            world.equal(f"IPv{family}: c, behind the first, gets it, a and b do not", got, ["c"])
            world.equal(f"IPv{family}: r2 counts both", r2.counters().get("router.hop_limit", 0) - before, 2)


# By the outer association, whose number is looked at first.
OUTER_SPIS = {"esp": 0x0E000000, "ah+esp": 0x0A000010, "ah": 0x0A000020}


def refused_on_a_link(world):
    """Tampered and replayed packets, put on a link, are refused"""
    for protection, first_spi in OUTER_SPIS.items():
        for family in FAMILIES:
            with world.session(protection, family) as session:
                refused(world, session, f"IPv{family}, {protection}", first_spi + family)


def refused(world, session, label, spi):
    a, r1, family = world.nodes["a"], world.nodes["r1"], session.family
    _, got = session.who_gets(RECEIVERS)
    world.equal(f"{label}: a packet arrives", got, ["a", "b", "c"])
    frame = next(frame for packet, frame in world.frames["a", 5].all() if is_xcast(packet))
    deliveries = len(world.programs.got)

    mark = len(a.text())
    world.frames["r2", 5].send(frame)
    found = a.wait_for(r"refused, from \S+: sequence number already seen or too old\n", after=mark)
    world.check(f"{label}: a refuses it when it is sent again", found, a.text()[mark:])

    # A number far ahead, which has not been used: were it believed, the next genuine packet would be too old.
    at = spi_at(frame, spi)
    number = int.from_bytes(frame[at + 4:at + 8], "big") + 1000
    forged = bytearray(frame)
    forged[at + 4:at + 8] = number.to_bytes(4, "big")
    forged[-1] ^= 1
    mark = len(a.text())
    world.frames["r2", 5].send(bytes(forged))
    found = a.wait_for(r"refused, from \S+: .*(ICV|integrity)", after=mark)
    world.check(f"{label}: a refuses one with another number and a changed octet", found, a.text()[mark:])

    damaged = bytearray(next(frame for packet, frame in world.frames["s", 1].all() if is_xcast(packet)))
    damaged[damaged.index(ip_address(near(family, "b")).packed) + (2 if family == 4 else 5)] ^= 1
    before, mark = r1.counters().get("router.checksum", 0), len(r1.text())
    world.frames["s", 1].send(bytes(damaged))
    found = r1.wait_for(r"not forwarded, from \S+: wrong Xcast CHECKSUM", after=mark)
    world.check(f"{label}: r1 refuses a list of members that was changed", found, r1.text()[mark:])
    world.equal(f"{label}: and counts it", r1.counters().get("router.checksum", 0) - before, 1)

    world.programs.who_got(b"", family, ())
    world.equal(f"{label}: no program got anything of it", len(world.programs.got), deliveries)
    _, got = session.who_gets(RECEIVERS)
    world.equal(f"{label}: the next genuine packet arrives everywhere", got, ["a", "b", "c"])


def router_restart(world):
    """A router killed in the middle of a stream and started again loses no state that matters"""
    for family in FAMILIES:
        with world.session("esp", family) as session:
            before = {node: world.nodes[node].counters() for node in RECEIVERS}
            sent, killed, restarted = [], None, None
            for number in range(40):
                if number == 10:
                    world.programs.who_got(sent[-1], family, RECEIVERS)
                    world.nodes["r2"].kill()
                    killed = number
                if number == 25:
                    world.nodes["r2"].start()
                    # For the new process to ask the kernel where its neighbours are.
                    restarted = number
                sent.append(session.send())
                world.programs.read(0)
                time.sleep(0.012)
            last = world.programs.who_got(sent[-1], family, RECEIVERS)
            world.equal(f"IPv{family}: the last packet of the stream arrives everywhere, once", last, ["a", "b", "c"])
            got = {node: [number for number, payload in enumerate(sent) for entry in world.programs.got
                          if entry.node == node and entry.payload == payload] for node in RECEIVERS}
            lost_while_down = [number for number in range(40) if not killed <= number < restarted]
            for node in "ab":
                world.equal(f"IPv{family}: {node} got all of it, once, but what came while the router was dead",
                            got[node], lost_while_down)
            world.equal(f"IPv{family}: c, not behind that router, got all of it, once", got["c"], list(range(40)))
            for node in RECEIVERS:
                after = world.nodes[node].counters()
                refused = after.get("receiver.ipsec", 0) - before[node].get("receiver.ipsec", 0)
                world.equal(f"IPv{family}: {node} refused nothing, its windows go on", refused, 0)


def asking_router_restart(world):
    """A router that asks its neighbours has to ask them again, and goes on by itself"""
    r1 = world.nodes["r1"]
    r1.kill()
    mark = len(r1.text())
    r1.start()
    for family in FAMILIES:
        found = r1.wait_for(rf"neighbour {own(family, 'r2', 2)}: Capable\n", after=mark)
        world.check(f"IPv{family}: r2 is taken for capable again", found)
        with world.session("ah+esp", family) as session:
            _, got = session.who_gets(RECEIVERS)
            world.equal(f"IPv{family}: what comes then arrives everywhere", got, ["a", "b", "c"])


def ending(world):
    """Nodes end when told to, and their logs keep secrets"""
    for name in ("r1", "r2", "a", "b", "c"):
        world.equal(f"{name} ends with status 0", world.nodes[name].stop(), 0)
    logs = {name: node.text() for name, node in world.nodes.items()}
    world.equal("no log tells a payload", [name for name, text in logs.items() if MARK.decode() in text], [])
    keys = [name for name, text in logs.items() if any(key[:16] in text for key in KEYS.values())]
    world.equal("no log tells a key", keys, [])
    world.equal("nothing panicked", [name for name, text in logs.items() if "panicked" in text], [])


ALL = [
    command_line,
    capabilities,
    unmodified_receivers,
    ports,
    checksums_count,
    premature_x2u,
    protected,
    protected_ports,
    owed_protection,
    configured_tunnel,
    semi_permeable_tunnel,
    narrow_link,
    hop_limit,
    refused_on_a_link,
    router_restart,
    asking_router_restart,
    ending,
]
