#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of docs/howto/profile_a_service.md on tests/programs/debug_busy.cc: every line
that the page shows must be printed, but for its figures.

usage: profile_page_test.py SERVICE
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "docs/howto/profile_a_service.md"
SERVICE = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
PATIENCE = 90  # seconds for a busy machine to have a sample of everything


def steps(page):
    """(command, shown output) of each block that begins with a command."""
    for block in re.findall(r"^```\n\$ (.*?)^```", page, re.M | re.S):
        command, _, shown = block.partition("\n")
        yield command, shown


def normal(text):
    """The lines without figures: times, shares, counts."""
    lines = set()
    for line in text.splitlines():
        if line.startswith("go_"):
            line = line.rpartition(" ")[0]  # bounds of buckets are part of the name
        else:
            line = re.sub(r"(?<![\w.])\d[\d.]*(ns|us|ms|s|%)?(?![\w])", "N", line)
            line = re.sub(r"\bN?\s*\(N\)", "(N)", line)
            line = re.sub(r"\bN( +N)+\b", "N", line)
        lines.add(" ".join(line.split()))
    return lines


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = subprocess.Popen([str(SERVICE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        cls.address = cls.service.stdout.readline().decode().strip()
        cls.folder = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.service.communicate(timeout=60)
        cls.folder.cleanup()

    def run_once(self, command):
        run = subprocess.run(command.replace("localhost:6060", self.address), shell=True, check=False,
                             capture_output=True, timeout=120,
                             env={**os.environ, "PPROF_TMPDIR": self.folder.name})
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        return run.stdout.decode()

    def test_shows_what_the_commands_print(self):
        seen = 0
        for command, shown in steps(PAGE.read_text(encoding="utf-8")):
            limit = time.monotonic() + PATIENCE
            missing = wanted = normal(shown)
            printed = ""
            while missing and time.monotonic() < limit:
                printed = self.run_once(command)
                missing = wanted - normal(printed)
            self.assertFalse(missing, f"$ {command}\n{printed}")
            seen += 1
        self.assertGreater(seen, 5)


if __name__ == "__main__":
    if shutil.which("go") is None or shutil.which("curl") is None:
        print("go or curl is not installed (./dev bench installs go): skipped")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
