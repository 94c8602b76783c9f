#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of docs/howto/profile_a_service.md on examples/leaky_search's fixed twin under load:
every line that the page shows must be printed, but for its figures.

usage: profile_page_test.py FIXED_SEARCH                               exit code 77: there is no Go
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
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "support"))

import pages  # noqa: E402
import services  # noqa: E402

PROGRAM = pathlib.Path(sys.argv[1]).resolve()


def normal(text):
    """The lines without figures: times, shares, counts."""
    lines = set()
    for line in text.splitlines():
        if re.match("(go|taut)_", line):
            line = line.rpartition(" ")[0]  # bounds of buckets are part of the name
        else:
            line = re.sub(r"(?<![\w.])\d[\d.]*(ns|us|ms|s|%)?(?![\w])", "N", line)
            line = re.sub(r"\bN?\s*\(\s*N\)", "(N)", line)
            line = re.sub(r"\bN( +N)+\b", "N", line)
            line = re.sub(r" \((partial-)?inline\)$", "", line)  # as the compiler likes
            # The two halves of an order. Which one comes first is chance.
            line = re.sub(r"\b(charge|report)$", "charge or report", line)
        lines.add(" ".join(line.split()))
    return lines


class ProfilePageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.service = cls.enterClassContext(services.Search(PROGRAM))
        cls.enterClassContext(services.Load(cls.service))

    def run_once(self, command):
        command = command.replace("localhost:6060", self.service.profiles)
        if command.startswith("curl -s "):
            return services.get(self.service.profiles, "/" + command.split("/", 3)[3]).decode()
        run = subprocess.run(command, shell=True, check=False, capture_output=True,
                             timeout=services.PATIENCE,
                             env={**os.environ, "PPROF_TMPDIR": self.folder.name})
        # pprof gives up early on a machine that is busy otherwise.
        return run.stdout.decode() if run.returncode == 0 else run.stderr.decode()

    def test_shows_what_the_commands_print(self):
        seen = 0
        for _, command, shown in pages.steps(pages.text_of("profile_a_service.md")):
            limit = time.monotonic() + services.PATIENCE
            missing = wanted = normal(shown)
            printed = ""
            # A busy machine takes time to have a sample of everything.
            while missing and time.monotonic() < limit:
                printed = self.run_once(command)
                missing = wanted - normal(printed)
            self.assertFalse(missing, f"$ {command}\n{printed}")
            seen += 1
        self.assertGreater(seen, 5)


if __name__ == "__main__":
    if shutil.which("go") is None:
        print("skipped: there is no go (Debian: golang-go)")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
