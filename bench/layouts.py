# SPDX-License-Identifier: Apache-2.0
"""Links a program again with its object files in another order.

Where functions lie decides which of their branches meet in the processor's tables: the same code of 10 ns takes up to
a tenth more in another order. Two builds that are compared by one link each are compared by their luck; over many
orders it evens out (decision 0017).
"""
import pathlib
import random
import shlex
import subprocess


class Failed(Exception):
    """One line that says why."""


def command_of(build, target, wanted):
    """The words of the last command that makes the target: its link, or the archive's."""
    try:
        text = subprocess.run(["ninja", "-C", str(build), "-t", "commands", target], check=True, capture_output=True,
                              text=True).stdout
    except (OSError, subprocess.CalledProcessError) as e:
        raise Failed(f"ninja does not say how {target} of {build} is linked ({e}); ./dev bench --recording makes the "
                     "builds that this needs") from e
    for part in reversed(text.replace(" && ", "\n").splitlines()):
        words = shlex.split(part)
        if wanted in words:
            return words
    raise Failed(f"ninja names no command with {wanted} for {target} of {build}")


class Linker:
    """Links the program of a build into a folder, in the order of a number."""

    ARCHIVE = "src/libtaut.a"

    def __init__(self, build, program):
        self.build, self.program = pathlib.Path(build), program
        self.words = command_of(build, f"bench/{program}", "-o")
        self.library = [w for w in command_of(build, self.ARCHIVE, "qc") if w.endswith(".o")]
        if self.ARCHIVE not in self.words or not self.library:
            raise Failed(f"{program} of {build} is not linked with {self.ARCHIVE}")

    def link(self, number, folder):
        objects = [w for w in self.words if w.endswith(".o")] + self.library
        random.Random(number).shuffle(objects)
        rest = [w for w in self.words if not w.endswith(".o") and w != self.ARCHIVE]
        out = rest.index("-o") + 1
        rest[out] = str(pathlib.Path(folder).resolve() / self.program)
        # Objects come before the libraries that they need. Nobody reads where their code comes from.
        command = [*rest[:out + 1], "-Wl,--strip-debug", *objects, *rest[out + 1:]]
        done = subprocess.run(command, cwd=self.build, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"{self.program} of {self.build} cannot be linked in another order: "
                         + (done.stderr.strip().splitlines() or ["?"])[-1])
