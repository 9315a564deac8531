"""Fails unless CONTRIBUTING.md says of every direct dependency why it is there, and of no other."""

import re
import subprocess
import json
import sys

metadata = json.loads(
    subprocess.run(["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"], check=True, capture_output=True).stdout
)
dependencies = metadata["packages"][0]["dependencies"]
text = open("CONTRIBUTING.md").read()
section = re.search(r"^## Dependencies$(.*?)^## ", text, re.MULTILINE | re.DOTALL)[1]
table = "\n".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
rest = "\n".join(line for line in section.splitlines() if not line.startswith("|")).split("For development only")[1]

wrong = []
for what, place, kinds in [("", table, (None, "build")), ("development ", rest, ("dev",))]:
    needed = {d["name"] for d in dependencies if d["kind"] in kinds}
    if what:
        needed -= {d["name"] for d in dependencies if d["kind"] is None}
    named = set(re.findall(r"`([a-z0-9_-]+)`", place))
    wrong += [f"no line for the {what}dependency {name}" for name in sorted(needed - named)]
    # The prose names features and folders too; the table names crates alone.
    if not what:
        wrong += [f"a line for {name}, which is no dependency" for name in sorted(named - needed)]
    print(f"{len(needed)} {what}dependencies")
if wrong:
    sys.exit("CONTRIBUTING.md: " + "; ".join(wrong))
