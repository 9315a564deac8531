"""Fails if a dependency that users of the crate compile asks for a newer Rust than the crate says it does.

Reads `cargo metadata --all-features --locked` on standard input. Dependencies of all platforms and features count;
development dependencies do not.
"""

import json
import sys


def version(text):
    parts = [int(part) for part in text.split("-")[0].split(".")]
    return tuple(parts + [0] * (3 - len(parts)))


metadata = json.load(sys.stdin)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
root = metadata["resolve"]["root"]
own = packages[root]["rust_version"]
if not own:
    sys.exit("the crate states no rust-version")

reached, pending = set(), [root]
while pending:
    for dependency in nodes[pending.pop()]["deps"]:
        # `kind` is null for a normal dependency, else "build" or "dev".
        counts = any(kind["kind"] != "dev" for kind in dependency["dep_kinds"])
        if counts and dependency["pkg"] not in reached:
            reached.add(dependency["pkg"])
            pending.append(dependency["pkg"])
if not reached:
    sys.exit("no dependency found: the check looked at nothing")

stated = sorted((version(packages[i]["rust_version"] or "0"), packages[i]["name"], packages[i]["version"]) for i in reached)
too_new = [entry for entry in stated if entry[0] > version(own)]
for needs, name, at in too_new:
    print(f"{name} {at} needs Rust {'.'.join(map(str, needs))}, the crate says {own}", file=sys.stderr)
highest = stated[-1]
silent = sum(1 for entry in stated if entry[0] == (0, 0, 0))
print(
    f"crate: {own}; {len(stated)} dependencies, the highest is {highest[1]} {highest[2]} with "
    f"{'.'.join(map(str, highest[0]))}; {silent} state none"
)
sys.exit(1 if too_new else 0)
