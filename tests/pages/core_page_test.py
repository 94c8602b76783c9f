#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of docs/howto/look_into_a_core.md on examples/leaky_search and its core, and
compares what the page shows.

usage: core_page_test.py LEAKY_SEARCH TAUT TAUT_GDB.PY SCRATCH_FOLDER     exit code 77: no GDB, or it
                                                                          may not look into others
"""
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "support"))

import pages  # noqa: E402
import services  # noqa: E402

PROGRAM, TAUT, SCRIPT, SCRATCH = (pathlib.Path(a).resolve() for a in sys.argv[1:5])
# What the requests below leave behind, by the file that starts it.
LEFT = {"index.cc": 2, "look_up.cc": 1, "order.cc": 2, "main.cc": 2, "service.cc": 2}


def gdb(commands, *arguments):
    """What each command prints, and all of stderr."""
    line = ["gdb", "-q", "-batch", "-nx", "-iex", "set debuginfod enabled off"]
    for text in ("set pagination off", "set width 0", "set style enabled off", f"source {SCRIPT}"):
        line += ["-iex" if text.startswith("set") else "-ex", text]
    for text in commands:
        line += ["-ex", "echo \\n@@@\\n", "-ex", text]
    run = subprocess.run([*line, *map(str, arguments)], capture_output=True, text=True, check=False,
                         timeout=3 * services.PATIENCE, stdin=subprocess.DEVNULL, errors="replace")
    printed = re.split(r"\n@@@\n", run.stdout)[1:]
    return printed + [""] * (len(commands) - len(printed)), run.stderr


class CorePageTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.page = list(pages.steps(pages.text_of("look_into_a_core.md")))
        cls.folder = tempfile.TemporaryDirectory(dir=SCRATCH)
        cls.addClassCleanup(cls.folder.cleanup)
        cls.core = pathlib.Path(cls.folder.name, "core")
        with services.Search(PROGRAM) as service:
            for path in ("/lookup?q=doc1", "/index?q=doc1"):
                service.get(path)
            service.order_until_stuck("customer7")
            service.until_left(LEFT)
            # The service's own clock may have woken it at the wrong moment.
            cls.saved = services.until(lambda: cls.save(service), "everybody waits")

    @classmethod
    def save(cls, service):
        """Writes the core; what GDB said of it, or nothing where somebody was not waiting."""
        (table, saved), errors = gdb(["info goroutines", f"gcore-goroutines {cls.core}"],
                                     "-p", service.process.pid)
        if "ptrace: Operation not permitted" in errors:
            raise unittest.SkipTest("GDB may not attach to processes here")
        if not table:
            raise RuntimeError(errors)
        if re.search(r"^. \d+ +(running|runnable|waking)", table, re.M):
            return None
        cls.ours = pages.Numbers(table)
        return re.search("^Saved .*", saved, re.M)[0].replace(str(cls.core), "core")

    def check(self, command, shown, printed, theirs, ours):
        def plain(text, numbers):
            text = numbers.unnumbered(pages.local(text))
            # A frame's number, its address and its arguments depend on the compiler.
            text = re.sub(r"^#\d+\s+(?:0x[0-9a-f]+ in )?(.*?) \(.*?\)( at |$)", r"# \1\2", text,
                          flags=re.M)
            text = pages.timeless(text)
            # Goroutines come in the order of their numbers or waits, which differs.
            if command.startswith("taut dump"):
                return sorted(" ".join(group.split()) for group in text.split("\n\n"))
            lines = pages.lines_of(text)
            return sorted(lines) if "goroutines" in command.split() else lines
        wrong = pages.missing(plain(shown, theirs), plain(printed, ours))
        self.assertIsNone(wrong, f"of `{command}`, which prints\n{printed}")

    def test_shows_what_the_commands_print(self):
        every = [(command, shown) for prompt, command, shown in self.page if prompt == "(gdb)"]
        saved = [shown for command, shown in every if command.startswith("gcore-goroutines")]
        commands = [(command, shown) for command, shown in every
                    if not command.startswith("gcore-goroutines")]
        self.assertEqual(commands[0][0], "info goroutines")
        self.assertGreater(len(commands), 6)
        # The page's numbers become those of this run.
        theirs, ours = pages.Numbers(commands[0][1]), self.ours
        self.assertCountEqual(theirs.names.values(), ours.names.values())

        def in_this_run(command):
            return re.sub(r"^goroutine (\d+)",
                          lambda m: f"goroutine {ours.number(theirs.names[int(m[1])])}", command)
        printed, _ = gdb([in_this_run(command) for command, _ in commands], PROGRAM, self.core)
        for (command, shown), text in zip(commands, printed):
            self.check(command, shown, text, theirs, ours)
        for shown in saved:  # how many pages GDB itself leaves out depends on the kernel
            self.assertEqual(re.sub(r"\d+ pages", "N pages", shown.strip()),
                             re.sub(r"\d+ pages", "N pages", self.saved))

    def test_shows_what_taut_prints(self):
        table = next(shown for _, command, shown in self.page if command == "info goroutines")
        theirs = pages.Numbers(table)
        seen = 0
        for prompt, command, shown in self.page:
            words = shlex.split(command)
            if prompt == "$" and words[0] == "taut":
                run = subprocess.run([TAUT, *words[1:]], cwd=self.core.parent, capture_output=True,
                                     text=True, timeout=services.PATIENCE, check=False)
                self.assertEqual((run.returncode, run.stderr), (0, ""))
                self.check(command, shown, run.stdout, theirs, self.ours)
                seen += 1
        self.assertGreater(seen, 1)


if __name__ == "__main__":
    if shutil.which("gdb") is None:
        print("skipped: there is no gdb")
        sys.exit(77)
    result = unittest.main(argv=sys.argv[:1], exit=False).result
    sys.exit(77 if result.skipped and result.wasSuccessful() else not result.wasSuccessful())
