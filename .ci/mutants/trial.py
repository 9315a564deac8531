"""Runs the tests: which of them come to which mutants, and which fail with one."""

import collections
import os
import re
import signal
import subprocess
import tempfile
import time

# Shorter runs of those suites that say how long they run.
SHORT = {
    "PROPTEST_CASES": "64", "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "1", "PROPTEST_MAX_SHRINK_ITERS": "0",
    "XCAST_SOAK_PACKETS": "20000", "RUST_BACKTRACE": "0",
}
# Octets of memory that a test may map, so that a mutant that never stops asking for it fails.
MEMORY = 4 << 30
# Longer tests are left out. Those below are run together, program by program.
TOO_LONG, SHORT_TEST = 60.0, 0.25
# What a test comes to is looked at for so long.
RECORDING = 8.0


class Tests:
    """The programs of one build of the tests."""

    def __init__(self, copy, programs):
        self.copy, self.programs = copy, programs
        self.environment = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
        self.environment["CARGO_MANIFEST_DIR"] = str(copy)

    def run(self, program, names, limit, environment):
        """`None` if all pass, else the reason why not; and the time that it took."""
        command = ["sh", "-c", f'ulimit -v {MEMORY >> 10}; exec "$0" "$@"', self.programs[program]]
        # A program without the harness is one test.
        if names != [""]:
            command += [*names, "--exact", "--test-threads=1", "--quiet"]
        start = time.monotonic()
        with tempfile.TemporaryFile() as said:
            done = subprocess.Popen(
                command, cwd=self.copy, env={**environment, **SHORT, **self.environment},
                stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
            )
            try:
                status = done.wait(limit)
            except subprocess.TimeoutExpired:
                os.killpg(done.pid, signal.SIGKILL)
                done.wait()
                status = "timeout"
            took = time.monotonic() - start
            if status == 0:
                return None, took
            if status == "timeout":
                return "timeout", took
            said.seek(max(0, said.seek(0, os.SEEK_END) - 20000))
            listed = said.read().decode(errors="replace").rpartition("\nfailures:\n")[2]
            failed = re.findall(r"^    (\S+)$", listed, re.MULTILINE)
            return f"{program} {failed[0] if failed else names[0]}".strip(), took

    def names(self, program):
        """The tests of a program that are run by default; `[""]` if it does not know of harness and names."""
        listed = subprocess.run(
            [self.programs[program], "--list", "--format", "terse"], cwd=self.copy, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.environment,
        )
        lines = listed.stdout.splitlines()
        if listed.returncode != 0 or not all(line.endswith((": test", ": benchmark")) for line in lines):
            return [""]
        ignored = subprocess.run(
            [self.programs[program], "--list", "--format", "terse", "--ignored"], cwd=self.copy, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self.environment,
        )
        return [line.removesuffix(": test") for line in lines if line not in set(ignored.stdout.splitlines())]

    def record(self, program, workers):
        """For each test that passes: how long it takes, and the numbers of the mutants that it comes to. And those left out."""

        def one(name):
            test = (program, name)
            with tempfile.NamedTemporaryFile() as reached:
                self.run(program, [name], RECORDING, {"XCAST_MUTANT_REACHED": reached.name})
                numbers = sorted({int(line) for line in open(reached.name)})
            failed, took = self.run(program, [name], TOO_LONG, {"XCAST_MUTANT": "0"})
            if failed is not None:
                return {"test": test, "left_out": "takes too long" if failed == "timeout" else "fails without a mutant"}
            return {"test": test, "took": took, "reached": numbers}

        return list(workers.map(one, self.names(program)))


class Plan:
    """Which tests are run for which mutant, and in which order."""

    def __init__(self, recorded, longest):
        passed = [test for test in recorded if "took" in test]
        self.tests = [test for test in passed if test["took"] <= longest]
        self.longer = len(passed) - len(self.tests)
        self.reaching = collections.defaultdict(list)
        for index, test in enumerate(self.tests):
            for number in test["reached"]:
                self.reaching[number].append(index)
        # How many mutants of a file a program has caught: it is likely to catch more.
        self.caught = collections.Counter()

    def runs(self, numbers, file):
        """Programs, names of tests and their time together, the most promising first."""
        together, runs = collections.defaultdict(list), []
        for index in sorted({index for number in numbers for index in self.reaching[number]}):
            test = self.tests[index]
            program, name = test["test"]
            if test["took"] < SHORT_TEST and name:
                together[program].append(test)
            else:
                runs.append((program, [name], test["took"]))
        for program, tests in together.items():
            runs.append((program, [test["test"][1] for test in tests], sum(test["took"] for test in tests)))
        return sorted(runs, key=lambda run: run[2] / (1 + self.caught[file, run[0]]))

    def try_out(self, tests, numbers, file, environment):
        """What catches a mutant: `None` if nothing, or a test, or `timeout`."""
        for program, names, time_together in self.runs(numbers, file):
            failed, _ = tests.run(program, names, 5 + 8 * time_together, environment)
            if failed is not None:
                self.caught[file, program] += 1
                return failed
        return None
