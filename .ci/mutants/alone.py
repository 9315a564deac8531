"""The mutants that cannot be switched on at run time: each is built by itself."""

import collections
import subprocess

import crate
import trial


class Alone:
    """A copy of the crate for one mutant at a time, built quickly rather than well."""

    def __init__(self, root, work):
        self.root, self.copy = root, work / "alone"
        profile = {"OPT_LEVEL": 0, "DEBUG": "false", "OVERFLOW_CHECKS": True, "DEBUG_ASSERTIONS": True, "INCREMENTAL": True}
        # Among them are dependencies that are built already.
        self.cargo = crate.Cargo(self.copy, work / "target", profile)
        crate.copy(root, self.copy)

    def change(self, mutant):
        """Makes the change that cargo-mutants makes."""
        lines = (self.root / mutant["file"]).read_text().splitlines(keepends=True)

        def at(line, column):
            return sum(map(len, lines[: line - 1])) + column - 1

        text = "".join(lines)
        before, after = text[: at(mutant["line"], mutant["column"])], text[at(mutant["end_line"], mutant["end_column"]) :]
        if mutant["genre"] == "StructField":
            after = after.lstrip().removeprefix(",")
        (self.copy / mutant["file"]).write_text(before + mutant["replacement"] + after)

    def is_viable(self, mutant):
        self.change(mutant)
        return self.cargo.messages("check", "--lib", errors=subprocess.DEVNULL)[1]

    def try_out(self, name, mutant, plan, numbers):
        """`unviable`, or what catches the mutant, or `None`."""
        try:
            if not self.is_viable(mutant):
                return "unviable"
            # Built one after another: most are caught by the first.
            runs = collections.defaultdict(list)
            for program, names, took in plan.runs(numbers, mutant["file"]):
                runs[program].append((names, took))
            for program, parts in sorted(runs.items(), key=lambda run: -plan.caught[mutant["file"], run[0]]):
                kind, target = program.split(":")
                which = ["--lib"] if kind == "lib" else ["--" + kind, target]
                built = self.cargo.test_programs(*which, errors=subprocess.DEVNULL)
                if built is None:
                    return "unviable"
                tests = trial.Tests(self.copy, built)
                for names, took in parts:
                    # It is several times slower than what was measured.
                    failed, _ = tests.run(program, names, 20 + 40 * took, {})
                    if failed is not None:
                        plan.caught[mutant["file"], program] += 1
                        return failed
            return None
        finally:
            crate.write(self.copy / mutant["file"], (self.root / mutant["file"]).read_bytes())
