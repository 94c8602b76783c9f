# SPDX-License-Identifier: Apache-2.0
"""Links a program again with its object files in another order, and each function elsewhere within its lines of code.

Where code lies decides which of its branches meet in the processor's tables: the same code of 10 ns takes up to a tenth
more in another place. Two builds that are compared by one link each are compared by their luck; over many places it
evens out (decision 0017).
"""
import concurrent.futures
import json
import os
import pathlib
import random
import re
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


class Placer:
    """Assembles objects of a build with their functions shifted, by the bytes of a number and their names."""

    LINE = 64
    # Where a function begins: what aligns it, and its label's kind. What aligns a loop is followed by a label.
    START = re.compile(r"^(\t\.p2align \d+)\n((?:\t\.(?:globl|weak|hidden|type)\t[^\n]*\n)+)", re.M)

    def __init__(self, build, folder):
        self.build, self.folder = pathlib.Path(build), pathlib.Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            commands = json.loads((self.build / "compile_commands.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as e:
            raise Failed(f"{self.build} does not say how it was compiled ({e})") from e
        self.compilers = {}
        for one in commands:
            words = shlex.split(one["command"])
            self.compilers[words[words.index("-o") + 1]] = words
        self.assembly = {}

    def _each(self, work, items):
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(work, items))

    def _run(self, command):
        done = subprocess.run(command, cwd=self.build, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"{' '.join(command[:1] + command[-1:])} fails: " + (done.stderr.strip().splitlines() or ["?"])[0])

    def compile(self, objects):
        """Takes the objects' assembly text; those that are no C++ stay as they are."""
        def one(name):
            words = [w for w in self.compilers.get(name, []) if w not in ("-g", "-MD")]
            if not words or not words[-1].endswith(".cc"):
                return
            for option in ("-MT", "-MF"):
                if option in words:
                    del words[words.index(option):words.index(option) + 2]
            text = self._file(name, ".s")
            words[words.index("-o") + 1] = str(text)
            words[words.index("-c")] = "-S"
            self._run(words)
            self.assembly[name] = text.read_text(encoding="utf-8")
        self._each(one, [o for o in objects if o not in self.assembly])

    def _file(self, name, ending):
        return self.folder / (name.replace("/", "_") + ending)

    def place(self, number):
        """{object: the file that takes its place}."""
        def one(item):
            name, text = item

            def shifted(start):
                by = random.Random(f"{number} {start[2]}").randrange(self.LINE)
                return f"{start[1]}\n{start[2]}" if by == 0 else f"{start[1]}\n\t.skip {by}, 0x90\n{start[2]}"
            source, made = self._file(name, ".s"), self._file(name, "")
            source.write_text(self.START.sub(shifted, text), encoding="utf-8")
            compiler = next(w for w in self.compilers[name] if not w.endswith("ccache"))
            self._run([compiler, "-c", "-o", str(made), str(source)])
            return name, str(made)
        return dict(self._each(one, self.assembly.items()))


class Linker:
    """Links the program of a build into a folder, in the order of a number."""

    ARCHIVE = "src/libtaut.a"

    def __init__(self, build, program):
        self.build, self.program = pathlib.Path(build), program
        self.words = command_of(build, f"bench/{program}", "-o")
        self.library = [w for w in command_of(build, self.ARCHIVE, "qc") if w.endswith(".o")]
        if self.ARCHIVE not in self.words or not self.library:
            raise Failed(f"{program} of {build} is not linked with {self.ARCHIVE}")
        self.objects = [w for w in self.words if w.endswith(".o")] + self.library

    def link(self, number, folder, placed):
        """placed: as Placer.place() has it."""
        objects = [placed.get(o, o) for o in self.objects]
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
