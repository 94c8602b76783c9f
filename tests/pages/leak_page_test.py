#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of docs/howto/find_a_leak.md on examples/leaky_search, and compares what the page
shows.

usage: leak_page_test.py LEAKY_SEARCH TAUT
"""
import pathlib
import re
import shlex
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "support"))

import pages  # noqa: E402
import services  # noqa: E402

PROGRAM, TAUT = (pathlib.Path(a).resolve() for a in sys.argv[1:3])


def normal(text):
    """One line, without folders, which decide where lines are broken, and without figures that
    differ from run to run."""
    text = pages.timeless(pages.local(" ".join(text.split())))
    text = re.sub(r"\bgoroutine \d+", "goroutine N", text)
    return re.sub(r"\(\d+ KiB\)|\b\d+ (?=goroutines looked at)", "N ", text)


class LeakPageTest(unittest.TestCase):
    maxDiff = None

    def run_once(self, service, command):
        words = shlex.split(command.replace("localhost:6060", service.profiles)
                            .replace("localhost:8080", service.address))
        if words[0] == "curl":
            self.assertEqual(words[1], "-s")
            return "".join(service.get("/" + word.partition("/")[2]).decode() for word in words[2:])
        self.assertEqual(words[0], "taut")
        run = subprocess.run([TAUT, *words[1:]], capture_output=True, text=True, check=False,
                             timeout=services.PATIENCE)
        self.assertEqual(run.stderr, "")
        return run.stdout

    def test_shows_what_the_commands_print(self):
        with services.Search(PROGRAM) as service:
            seen = 0
            for _, command, shown in pages.steps(pages.text_of("find_a_leak.md")):
                def run(line):
                    return self.run_once(service, line)
                if command.startswith("curl"):
                    self.assertEqual(normal(run(command)), normal(shown), f"$ {command}")
                    service.until_left({"main.cc": 2})
                else:
                    pages.until_shown(self, run, command, shown, normal)
                seen += 1
        self.assertGreater(seen, 1)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
