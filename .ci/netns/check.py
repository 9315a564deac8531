"""Runs xcast_node on the network of network.py and checks what arrives where: `check.py PROGRAM FOLDER`. Called by `run`,
in namespaces of its own; prints one line per check and a summary. Exit status: 0 if all hold."""

import signal
import sys
import time
import traceback

import cases
import network
from nodes import Node, keys_file, receiver, router, sender
from traffic import Frames, Programs, Senders

# The whole of it, in seconds.
LIMIT = 55


class World:
    """The network, its nodes and programs, and the verdicts so far."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.passed, self.failed, self.cases = 0, 0, 0
        network.build()
        with open(f"{folder}/keys", "w", encoding="ascii") as file:
            file.write(keys_file())
        self.nodes = {}
        self.programs, self.senders = Programs(), Senders()
        self.frames = {(node, link): Frames(node, link)
                       for node, link in (("s", 1), ("p", 3), ("a", 5), ("b", 6), ("c", 7), ("r2", 5), ("r2", 2))}
        self.listen = 7000

    def check(self, what, holds, detail=""):
        if holds:
            self.passed += 1
            print(f"  ok    {what}", flush=True)
        else:
            self.failed += 1
            print(f"  FAIL  {what}{': ' if detail else ''}{detail}", flush=True)

    def equal(self, what, got, wanted):
        self.check(what, got == wanted, f"{got}, not {wanted}")

    def start_routers(self):
        for name in ("r1", "r2"):
            self.nodes[name] = Node(self.program, self.folder, name, name, router(name)).start()

    def start_receivers(self):
        for name in network.RECEIVERS:
            self.nodes[name] = Node(self.program, self.folder, name, name, receiver(name)).start()

    def session(self, name, family):
        return Session(self, name, family)

    def clear_frames(self):
        for frames in self.frames.values():
            frames.all()


class Session:
    """A sender node for as long as its block lasts."""

    def __init__(self, world, name, family):
        self.world, self.family = world, family
        world.listen += 1
        self.listen = world.listen
        label = f"s-{name}{family}-{self.listen}"
        self.node = Node(world.program, world.folder, label, "s", sender(name, family, self.listen))

    def __enter__(self):
        self.world.nodes[self.node.name] = self.node.start()
        # For the kernel to find out where r1 is; what comes before that is lost, as on any link.
        time.sleep(0.03)
        self.world.clear_frames()
        return self

    def __exit__(self, *_):
        self.status = self.node.stop()

    def send(self, size=80):
        payload = self.world.senders.payload(size)
        self.world.senders.send(payload, self.listen)
        return payload

    def who_gets(self, wanted, size=80):
        payload = self.send(size)
        return payload, self.world.programs.who_got(payload, self.family, wanted)


class OutOfTime(Exception):
    """The whole took too long."""


def out_of_time(*_):
    raise OutOfTime


def main():
    program, folder = sys.argv[1:3]
    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(LIMIT)
    begin = time.monotonic()
    world = World(program, folder)
    try:
        for case in cases.ALL:
            world.cases += 1
            print(case.__doc__.splitlines()[0], flush=True)
            try:
                case(world)
            except (RuntimeError, OSError, LookupError, ValueError, StopIteration) as error:
                world.check("the case runs to its end", False, "".join(traceback.format_exception(error)))
    except OutOfTime:
        world.check(f"done within {LIMIT} s", False)
    finally:
        signal.alarm(0)
        for node in world.nodes.values():
            node.stop()
    if world.failed:
        for node in world.nodes.values():
            print(f"--- log of {node.name}\n{node.text()[-3000:]}")
    took = time.monotonic() - begin
    print(f"netns: {world.cases} cases, {world.passed} checks passed, {world.failed} failed, {took:.0f} s")
    return 1 if world.failed or not world.passed else 0


if __name__ == "__main__":
    sys.exit(main())
