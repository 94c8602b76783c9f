#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The taut command on blocked.cc: its memory while it runs or is stopped, and its core, whole and
damaged.

usage: memory_test.py --program BLOCKED --source BLOCKED.CC --script TAUT_GDB.PY --taut TAUT
                      --scratch DIR [TEST...]
"""
import argparse
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

options = None


def taut(*arguments):
    return subprocess.run([options.taut, *map(str, arguments)], capture_output=True, text=True,
                          timeout=120, errors="replace")


class Memory(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=options.scratch)
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.place = {}
        for n, line in enumerate(pathlib.Path(options.source).read_text().splitlines(), 1):
            if mark := re.search(r"// place: (\w+)", line):
                self.place[mark[1]] = f"blocked.cc:{n}"

    def start(self, mode="stay"):
        child = subprocess.Popen([options.program, mode], stdout=subprocess.PIPE, text=True)
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        self.assertEqual(child.stdout.readline(), "ready\n")
        return child

    def make_core(self, command="gcore-goroutines"):
        if shutil.which("gdb") is None:
            self.skipTest("gdb is not installed")
        core = self.folder / "core"
        done = subprocess.run(
            ["gdb", "-q", "-batch", "-nx", "-iex", "set auto-load off", "-ex",
             f"source {options.script}", "-ex", "run", "-ex", f"{command} {core}",
             options.program], capture_output=True, text=True, timeout=120)
        self.assertTrue(core.exists(), done.stderr)
        return core

    def check_dump(self, text, runs, spins="spin"):
        """Go's text of the five goroutines; where the first one is, and the one that spins."""
        blocks = text.split("\n\n")
        self.assertEqual(len(blocks), 5, text)
        by_status = {re.match(r"goroutine \d+ \[([^\],]+)", b)[1]: b for b in blocks
                     if "main" not in b.split("\n")[0]}
        first = re.escape(self.place["receive"])
        self.assertRegex(by_status["chan receive"],
                         r'^goroutine \d+ \[chan receive\] \{"name": "taker", "tenant": "acme"\}:\n'
                         r"\S*( \S+)?take_job\(\.\.\.\)\n\t\S*" + first)
        self.assertIn(self.place["make_taker"], by_status["chan receive"])
        self.assertIn("choose(...)", by_status["select"])
        self.assertIn(self.place["select"], by_status["select"])
        self.assertIn("want(...)", by_status["sync.Mutex.Lock"])
        self.assertIn(self.place["lock"], by_status["sync.Mutex.Lock"])
        self.assertIn("spin(...)", by_status["running"])
        self.assertIn(self.place[spins], by_status["running"])
        main = next(b for b in blocks if '"name": "main"' in b)
        self.assertIn(self.place[runs], main)

    def test_process(self):
        child = self.start()
        done = taut("dump", "--raw", child.pid)
        self.assertEqual(done.stderr, "")
        self.check_dump(done.stdout, "stay")
        listed = taut("goroutines", child.pid)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        for name in ("receive", "select", "lock", "spin"):
            self.assertIn(self.place[name], listed.stdout)
        # It was looked at, not stopped.
        state = pathlib.Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        self.assertIn(state, "RS")
        self.assertIsNone(child.poll())

    def test_signal_handler(self):
        """A goroutine in a signal handler, which has a stack of its own."""
        child = self.start("handler")
        done = taut("dump", "--raw", child.pid)
        self.assertEqual(done.stderr, "")
        self.check_dump(done.stdout, "stay", "raise")
        self.assertIn("handle(...)", done.stdout)

    def test_stopped_process(self):
        child = self.start()
        child.send_signal(signal.SIGSTOP)
        deadline = time.monotonic() + 60
        while pathlib.Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T":
            self.assertLess(time.monotonic(), deadline)
            os.sched_yield()
        done = taut("dump", "--raw", child.pid)
        self.assertEqual(done.stderr, "")
        self.check_dump(done.stdout, "stay")
        state = pathlib.Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        self.assertEqual(state, "T")

    def test_core(self):
        done = taut("dump", "--raw", self.make_core())
        self.assertEqual(done.stderr, "")
        self.check_dump(done.stdout, "abort")

    def test_times_of_a_core(self):
        """A core does not say when it was written: a wait is at least as long as what it knows."""
        core = self.make_core()
        for verb in ("dump", "goroutines"):
            self.assertRegex(taut(verb, core).stdout, r"(for | )>\d+(ms|s)\b")
        again = self.folder / "again.json"
        again.write_text(taut("dump", core, "--json").stdout)
        self.assertRegex(taut("goroutines", again).stdout, r" >\d+(ms|s)\b")
        child = self.start()
        self.assertNotIn(">", taut("goroutines", child.pid).stdout)

    def test_core_without_stacks(self):
        """As GDB's own gcore writes it on newer kernels: why there is none must be said."""
        core = self.make_core("gcore")
        out = taut("goroutines", core).stdout
        if "take_job" in out:
            self.skipTest("this kernel lets gcore write stacks")
        for name in ("receive", "select", "lock"):  # what each noted before it waited
            self.assertIn(self.place[name], out)
        for verb in ("dump", "goroutines", "leaks"):
            self.assertRegex(" ".join(taut(verb, core).stdout.split()),
                             r"note:? the stacks of \d goroutines are not in this core: .* gcore-goroutines")

    def test_damaged_core(self):
        """Truncated, altered where it hurts, and random: a sentence or a part, never a crash."""
        whole = self.make_core().read_bytes()
        chance = random.Random(11)
        damaged = self.folder / "damaged"
        magic = whole.index(b"taut debug table")
        outcomes = set()
        for n in range(32):
            kind = n % 4
            data = bytearray(whole)
            if kind == 0:
                del data[chance.randrange(len(data)):]
            elif kind == 1:
                for _ in range(chance.choice((1, 3, 30))):
                    data[magic + chance.randrange(16, 4200)] ^= 1 << chance.randrange(8)
            elif kind == 2:
                for _ in range(chance.choice((1, 20, 400))):
                    data[chance.randrange(0, 8192)] ^= 1 << chance.randrange(8)
            else:
                for _ in range(3000):
                    data[chance.randrange(len(data))] = chance.randrange(256)
            damaged.write_bytes(data)
            done = taut("goroutines", damaged)
            self.assertIn(done.returncode, (0, 1, 2), f"round {n}: {done.stderr}")
            self.assertNotIn("unexpected", done.stderr, f"round {n}")
            outcomes.add(done.returncode)
        self.assertEqual(outcomes & {0, 2}, {0, 2})
        damaged.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x04\x00" + chance.randbytes(4000))
        self.assertEqual(taut("goroutines", damaged).returncode, 2)

    def test_bad_sources(self):
        done = taut("goroutines", os.getpid())
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"^taut: there is no taut runtime in process \d+; for a Go service give its URL")
        self.assertNotIn("core", done.stderr)
        # Of what may not be looked into, the kernel's own reason is given.
        done = taut("goroutines", 1)
        self.assertEqual(done.returncode, 2)
        if "may not" in done.stderr:
            self.assertRegex(done.stderr, r"\((Permission denied|Operation not permitted)\)")
            self.assertEqual("run as its user or as root" in done.stderr, os.geteuid() != 0)
        ended = subprocess.Popen(["true"])
        ended.wait()
        done = taut("goroutines", ended.pid)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, f"^taut: there is no process {ended.pid}; check the number")


def main():
    global options
    parser = argparse.ArgumentParser(usage=__doc__)
    for name in ("program", "source", "script", "taut", "scratch"):
        parser.add_argument("--" + name, required=True)
    options, rest = parser.parse_known_args()
    result = unittest.main(argv=[sys.argv[0], *rest], exit=False).result
    sys.exit(77 if result.skipped and result.wasSuccessful() else not result.wasSuccessful())


if __name__ == "__main__":
    main()
