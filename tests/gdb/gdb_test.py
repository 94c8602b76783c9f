#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""GDB's goroutine commands on blocked.cc: what they print, after numbers that differ from run to run
are replaced.

usage: gdb_test.py --program BLOCKED --source BLOCKED.CC --script TAUT_GDB.PY --scratch DIR [TEST...]
"""
import argparse
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

options = None


def places():
    """Line numbers by the `// place: NAME` comments of the program."""
    found = {}
    for n, line in enumerate(pathlib.Path(options.source).read_text().splitlines(), 1):
        if mark := re.search(r"// place: (\w+)", line):
            found[mark[1]] = f"blocked.cc:{n}"
    return found


def normal(text):
    text = re.sub(r"0x[0-9a-f]+", "0x?", text)
    text = re.sub(r">?\b(\d+ms|\d+\.\d+s|\d+m\d\ds)\b", "TIME", text)
    text = re.sub(r"thread \d+", "thread N", text)
    return re.sub(r" {2,}", "  ", text)


def gdb(*commands, program=None, core=None, script=True, before=()):
    """What the commands print, each apart; and all of stderr."""
    line = ["gdb", "-q", "-batch", "-nx", "-iex", "set debuginfod enabled off",
            "-iex", "set auto-load off" if script else "set pagination off"]
    for text in before:
        line += ["-iex", text]
    for text in ["set pagination off", "set width 0", "set style enabled off",
                 *([f"source {options.script}"] if script else [])]:
        line += ["-ex", text]
    for i, text in enumerate(commands):
        line += ["-ex", f"echo \\n@@{i}\\n", "-ex", text]
    line += [str(p) for p in (program or options.program, core) if p is not None and p != ""]
    done = subprocess.run(line, capture_output=True, text=True, timeout=200, errors="replace",
                          cwd=options.scratch, stdin=subprocess.DEVNULL)
    parts = re.split(r"\n@@\d+\n", done.stdout)[1:]
    parts += [""] * (len(commands) - len(parts))
    return parts, done.stderr, done.returncode


class Gdb(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(dir=options.scratch)
        self.addCleanup(self.folder.cleanup)
        self.place = places()

    def path(self, name):
        return pathlib.Path(self.folder.name) / name

    def make_core(self, program=None):
        core = self.path("core")
        parts, errors, _ = gdb("run", f"gcore-goroutines {core}", program=program)
        self.assertIn("with 5 goroutines' stacks", parts[1], errors)
        return core

    def check_list(self, text):
        p = self.place
        rows = [re.sub(r"^. \d+", "N", line) for line in normal(text).splitlines()[1:]]
        self.assertCountEqual(rows, [
            f"N  running  {p['abort']}  taut::run  main",
            f"N  chan receive  TIME  {p['receive']}  {p['make_taker']} by 1  taker",
            f"N  select  TIME  {p['select']}  {p['make_chooser']} by 1  chooser",
            f"N  sync.Mutex.Lock  TIME  {p['lock']}  {p['make_locker']} by 1",
            f"N  running  {p['spin']}  {p['make_spinner']} by 1  spinner",
        ], text)
        return {row.split()[-1]: int(row.split()[0]) for row in text.splitlines()[1:]
                if row.split()[-1] in ("taker", "chooser", "spinner", "main")}

    def check_all(self, core):
        """Everything that live processes and cores have in common."""
        start = [] if core else ["run"]
        listed, as_json = gdb(*start, "info goroutines", "info goroutines -json",
                              core=core)[0][len(start):]
        ids = self.check_list(listed)
        records = {r["id"]: r for r in json.loads(as_json)}
        taker = records[ids["taker"]]
        self.assertEqual(taker["labels"], {"tenant": "acme"})
        self.assertEqual(taker["status"], "chan receive")
        self.assertEqual(taker["where"], self.place["receive"])
        self.assertEqual(taker["parent"], ids["main"])
        self.assertIn("thread", records[ids["spinner"]])
        # Numbers are given out anew in a new process, but for the first ones.
        locker = next(r["id"] for r in records.values() if r["status"] == "sync.Mutex.Lock")
        commands = [f"goroutine {ids['taker']} bt", f"goroutine {ids['taker']} locals",
                    f"goroutine {ids['taker']}", f"goroutine {ids['chooser']}",
                    f"goroutine {locker}", f"goroutine {ids['taker']} print hint",
                    f"goroutine {ids['taker']} info frame", "goroutine all bt", "bt",
                    "info goroutines -sort wait sync.Mutex"]
        parts, errors, _ = gdb(*start, *commands, core=core)
        (stack, local, taker, chooser, lock, hint, frame, every, own, sorted_list) = (
            normal(part) for part in parts[len(start):])
        # The frames are those of the goroutine, from its switch to its entry, and no other.
        functions = re.findall(r"^#(\d+)\s+(?:0x\? in )?(\S+)", stack, re.M)
        self.assertEqual(functions[-1][1], "taut_context_entry", stack + errors)
        self.assertEqual([int(n) for n, _ in functions],
                         list(range(int(functions[0][0]), int(functions[0][0]) + len(functions))))
        self.assertRegex(stack, r"take_job\(.*wanted=.*41\) at \S*" + self.place["receive"])
        self.assertNotIn("abort", stack)
        self.assertRegex(local, 'hint = .*"the hint of 41"')
        self.assertRegex(local, "jobs = the channel at 0x., made at "
                         + self.place["jobs"] + ": 0 of 2 buffered, 2 sending and 2 receiving handles")
        self.assertNotIn("taut::v0::rt", local)
        self.assertIn("label  tenant: acme", taker)
        self.assertIn(f"at  {self.place['receive']}", taker)
        self.assertIn("waits for  case 0: receive from the channel at 0x?", chooser)
        self.assertIn("waits for  case 1: send to the channel at 0x?", chooser)
        self.assertIn("held by goroutine 1, taken at " + self.place["taken"], lock)
        self.assertIn('"the hint of 41"', hint)
        self.assertIn("Stack level", frame)
        self.assertEqual(len(re.findall(r"^goroutine \d+ \[", every, re.M)), 5)
        self.assertRegex(every, r"spin\s?\(.*\) at \S*" + self.place["spin"])
        self.assertRegex(every, r"choose\s?\(.*\) at \S*" + self.place["select"])
        self.assertRegex(every, r"want\s?\(.*\) at \S*" + self.place["lock"])
        # Afterwards GDB is where it was.
        self.assertRegex(own, r"#0 .*(kill|raise)")
        self.assertIn(self.place["abort"], own)
        self.assertNotIn("take_job", own)
        self.assertEqual(len(sorted_list.splitlines()), 2, sorted_list)

    def test_live(self):
        self.check_all(None)

    def test_core(self):
        self.check_all(self.make_core())

    def copy_without(self, *strip):
        program = self.path("blocked")
        shutil.copy(options.program, program)
        subprocess.run([*strip, program], check=True, timeout=60)
        return program

    def test_without_libtaut_symbols(self):
        """The table is enough; the unwinder needs no debug information either."""
        program = self.copy_without("strip", "--strip-debug")
        listed, stack = gdb("run", "info goroutines", "goroutine 2 bt", program=program)[0][1:]
        for status in ("receive", "select", "lock"):
            self.assertIn(self.place[status], listed)
        self.assertIn("take_job", stack)
        self.assertIn("taut_context_entry", stack)

    def test_stripped(self):
        program = self.copy_without("strip")
        parts, errors, _ = gdb("run", "info goroutines", f"gcore-goroutines {self.path('core')}",
                               program=program)
        for listed in (parts[1],
                       gdb("info goroutines", program=program, core=self.path("core"))[0][0]):
            for status in ("receive", "select", "lock"):
                self.assertIn(self.place[status], listed, errors)

    def test_damaged_core(self):
        """A truncated or altered core gives a sentence or a part of the list, never an exception."""
        whole = self.make_core().read_bytes()
        chance = random.Random(7)
        core = self.path("damaged")
        for round_number in range(6):
            if round_number % 2 == 0:
                data = bytearray(whole[:chance.randrange(1000, len(whole))])
            else:
                data = bytearray(whole)
                # Where the runtime's records are, nearly every word matters.
                magic = data.index(b"taut debug table")
                for _ in range(200):
                    data[magic + chance.randrange(16, 4096)] ^= 1 << chance.randrange(6)
                for _ in range(20000):
                    data[chance.randrange(4096, len(data))] ^= 1 << chance.randrange(6)
            core.write_bytes(data)
            _, errors, status = gdb("info goroutines", "goroutine all bt 20", "goroutine 2",
                                    core=core)
            self.assertNotIn("Traceback", errors)
            self.assertNotIn("Python Exception", errors)
            self.assertGreaterEqual(status, 0, errors)

    def test_bad_states(self):
        def last_sentence(*commands, **kw):
            return gdb(*commands, **kw)[1].strip().splitlines()[-1]

        self.assertEqual(last_sentence("info goroutines"),
                         "There is no process: start the program, attach to one, or load a core with "
                         "`core FILE`.")
        self.assertRegex(last_sentence("break main", "run", "info goroutines"),
                         "its runtime has not started yet")
        self.assertRegex(last_sentence("break exit", "run", "info goroutines",
                                       program=shutil.which("true")),
                         "There is no taut in this process")
        self.assertEqual(last_sentence("run", "goroutine 999999 bt"),
                         "There is no goroutine 999999: `info goroutines` lists them.")
        self.assertRegex(last_sentence("run", "goroutine seven bt"), "takes a number, or `all`")
        self.assertRegex(last_sentence("run", "info goroutines -wrong"), "There is no option -wrong")
        # A newer table, and none where the symbol says.
        self.assertRegex(last_sentence("run", "set var *((int*)&taut_debug_table_v1 + 4) = 2",
                                       "info goroutines"), "has version 2; this script reads")
        self.assertRegex(last_sentence("run", "set var *((int*)&taut_debug_table_v1) = 2",
                                       "info goroutines"), "There is no taut debug table at 0x")
        # What gcore leaves out where guards lie inside a mapping is said, with the remedy.
        core = self.path("plain")
        _, errors, _ = gdb("run", f"generate-core-file {core}")
        text = gdb("goroutine 2 bt", core=core)
        if "Memory read failed" in errors:
            self.assertRegex(text[1], "gcore stops at the guard pages")
        else:
            self.assertIn("take_job", text[0][0])

    def test_auto_load(self):
        """The program carries the script, when the library is linked into it."""
        sections = subprocess.run(["readelf", "-SW", options.program], capture_output=True, text=True,
                                  check=True).stdout
        if ".debug_gdb_scripts" not in sections:
            self.skipTest("libtaut is shared here")
        parts, errors, _ = gdb("help goroutine", script=False,
                               before=[f"add-auto-load-safe-path {options.program}"])
        self.assertIn("goroutine N locals", parts[0], errors)


def main():
    global options
    parser = argparse.ArgumentParser(usage=__doc__)
    for name in ("program", "source", "script", "scratch"):
        parser.add_argument("--" + name, required=True)
    options, rest = parser.parse_known_args()
    if shutil.which("gdb") is None:
        print("gdb is not installed: skipped")
        sys.exit(77)
    result = unittest.main(argv=[sys.argv[0], *rest], exit=False).result
    sys.exit(77 if result.skipped and result.wasSuccessful() else not result.wasSuccessful())


if __name__ == "__main__":
    main()
