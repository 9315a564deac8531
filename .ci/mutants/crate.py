"""The mutants of the crate, and the copies of it that are built with them."""

import collections
import hashlib
import json
import os
import re
import subprocess
import sys

FOLDERS = ("src/forward", "src/ipsec", "src/wire")
# Dependencies are as quick as can be, in all profiles.
QUICK_DEPENDENCIES = ("--config", 'profile.dev.package."*".opt-level=3')


def fail(*words):
    sys.exit(f"mutants: {' '.join(map(str, words))}")


def name_mutants(root, folders):
    """What cargo-mutants lists, by a name that has no line number in it, so that it lasts."""
    command = ["cargo", "mutants", "--list", "--json", "--dir", str(root)]
    for folder in folders:
        command += ["-f", folder if folder.endswith(".rs") else folder + "/**"]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    found.sort(key=lambda m: (m["file"], m["span"]["start"]["line"], m["span"]["start"]["column"]))
    seen = collections.Counter()
    texts, hashes, mutants = {}, {}, {}
    for entry in found:
        file, start, end = entry["file"], entry["span"]["start"], entry["span"]["end"]
        what = re.sub(r"^.*?:\d+:\d+: ", "", entry["name"])
        seen[file, what] += 1
        times = f" ({seen[file, what]})" if seen[file, what] > 1 else ""
        if file not in texts:
            texts[file] = (root / file).read_text().splitlines(keepends=True)
            hashes[file] = hashlib.sha256("".join(texts[file]).encode()).hexdigest()[:16]
        function = entry["function"] and entry["function"]["span"]["start"]
        signature = "".join(texts[file][function["line"] - 1 :])[function["column"] - 1 :].split("{")[0] if function else ""
        mutants[f"{file}: {what}{times}"] = {
            "number": len(mutants) + 1, "file": file, "genre": entry["genre"], "replacement": entry["replacement"],
            "line": start["line"], "column": start["column"], "end_line": end["line"], "end_column": end["column"],
            # Where it starts, which says which it is; nothing for the value of a constant.
            "function": function and [function["line"], function["column"]],
            "const": bool(re.search(r"\bconst fn\b", signature)), "hash": hashes[file],
        }
    return mutants


def write(path, content):
    """A file that is as it should be is left with its date, for nothing to be built again."""
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def copy(root, to, leave=()):
    """Copies what git knows of, except what is written anew."""
    listed = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    kept = {file for file in files if file and not file.startswith(".ci/") and (root / file).is_file()}
    for file in kept - set(leave):
        write(to / file, (root / file).read_bytes())
    for folder in ("src", "tests", "examples"):
        for path in (to / folder).rglob("*"):
            if path.is_file() and str(path.relative_to(to)) not in kept | set(leave):
                path.unlink()


class Cargo:
    """Cargo on one copy of the crate."""

    def __init__(self, copy, target, profile):
        self.copy, self.options = copy, QUICK_DEPENDENCIES
        self.environment = dict(
            os.environ, CARGO_TARGET_DIR=str(target), CARGO_TERM_COLOR="never", RUSTFLAGS="--cap-lints allow",
            RUSTC_BOOTSTRAP="xcast_sec",
        )
        for key, value in profile.items():
            for of in ("TEST", "DEV"):
                self.environment[f"CARGO_PROFILE_{of}_{key}"] = str(value).lower()

    def messages(self, *arguments, errors=None):
        """What cargo and rustc say; and whether they succeeded."""
        command = ["cargo", arguments[0], "--message-format=json", "--quiet", *self.options, *arguments[1:]]
        done = subprocess.run(command, cwd=self.copy, env=self.environment, stdout=subprocess.PIPE, stderr=errors)
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")], done.returncode == 0

    def test_programs(self, *which, errors=None):
        """Builds them. Their names, and how to start them."""
        said, good = self.messages("test", "--no-run", *which, errors=errors)
        if not good:
            for message in said:
                if message["reason"] == "compiler-message" and message["message"]["level"] == "error" and errors is None:
                    print(message["message"]["rendered"], file=sys.stderr)
            return None
        programs = {}
        for message in said:
            if message["reason"] == "compiler-artifact" and message.get("executable") and message["profile"]["test"]:
                target = message["target"]
                programs[f"{target['kind'][0]}:{target['name']}"] = message["executable"]
        return programs


class Combined:
    """The copy that has all mutants in it, each behind a switch."""

    def __init__(self, root, work, mutants):
        self.root, self.copy, self.work, self.mutants = root, work / "all", work, mutants
        self.tool = work / "tool/debug/mutants"
        profile = {"OPT_LEVEL": 1, "DEBUG": "false", "OVERFLOW_CHECKS": True, "DEBUG_ASSERTIONS": True, "INCREMENTAL": False}
        self.cargo = Cargo(self.copy, work / "target", profile)
        self.by_number = {mutant["number"]: name for name, mutant in mutants.items()}
        # Why a mutant is not in it: `unviable`, or `alone`. Constants have no switch. What is known is not written first, for
        # what comes out the same is not built again.
        self.left_out = {name: "alone" for name, mutant in mutants.items() if not mutant["function"]}
        self.known = work / "left_out.json"
        if self.known.exists():
            for name, (file_hash, why) in json.loads(self.known.read_text()).items():
                if name in mutants and mutants[name]["hash"] == file_hash:
                    self.left_out[name] = why

    def write(self):
        """Writes the mutants that are left; which octets of which file are due to which of them."""
        chosen = [mutant for name, mutant in self.mutants.items() if name not in self.left_out]
        (self.work / "chosen.json").write_text(json.dumps(chosen))
        command = [self.tool, self.work / "chosen.json", self.root, self.copy]
        said = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        for number in said["left_out"]:
            self.left_out[self.by_number[number]] = "alone"
        files = set(said["due"]) | {"src/lib.rs", "src/mutant.rs"}
        copy(self.root, self.copy, leave=files)
        return said["due"]

    def blame(self, error, due):
        """The mutants whose text an error is about: those of the innermost place, of the first span that is in any."""
        for span in sorted(error["spans"], key=lambda span: not span["is_primary"]):
            while span:
                inside = [
                    (end - start, mutants) for start, end, mutants in due.get(span["file_name"], ())
                    if start <= span["byte_start"] and span["byte_end"] <= end
                ]
                if inside:
                    return min(inside)[1]
                span = (span["expansion"] or {}).get("span")
        return []

    def settle(self):
        """Leaves out what does not compile, until all does."""
        for turn in range(1, 100):
            due = self.write()
            said, good = self.cargo.messages("check", "--lib", errors=subprocess.DEVNULL)
            if good:
                known = {name: (self.mutants[name]["hash"], why) for name, why in self.left_out.items()}
                self.known.write_text(json.dumps(known))
                return self.left_out
            before = len(self.left_out)
            for message in said:
                if message["reason"] != "compiler-message" or message["message"]["level"] != "error":
                    continue
                code = (message["message"]["code"] or {}).get("code")
                for number in self.blame(message["message"], due):
                    name = self.by_number[number]
                    # What a function cannot return early, it cannot return at all; but `impl Trait` would be another type, unless
                    # there is no such name.
                    mutant = self.mutants[name]
                    is_sure = mutant["genre"] == "FnValue" and ("-> impl " not in name or code == "E0433")
                    if self.left_out.get(name) != "unviable":
                        self.left_out[name] = "unviable" if is_sure else "alone"
            print(f"  turn {turn}: {len(self.left_out)} of {len(self.mutants)} left out", flush=True)
            if len(self.left_out) == before:
                rendered = [m["message"]["rendered"] for m in said if m["reason"] == "compiler-message"]
                fail("errors that are due to no mutant:\n", "\n".join(rendered)[:6000])
        fail("does not settle")
