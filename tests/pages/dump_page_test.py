#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of docs/howto/read_a_dump.md on examples/leaky_search, and compares what the page
shows.

usage: dump_page_test.py LEAKY_SEARCH TAUT
       dump_page_test.py LEAKY_SEARCH TAUT --write   puts what the commands print into the page
"""
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "support"))

import pages  # noqa: E402
import services  # noqa: E402

PROGRAM, TAUT = (pathlib.Path(a).resolve() for a in sys.argv[1:3])
PAGE = "read_a_dump.md"


def normal(text):
    """One line, without folders and figures that differ from run to run."""
    text = pages.timeless(pages.local(" ".join(text.split())))
    text = re.sub(r"\bgoroutines? \d+(, \d+)*(, \u2026)?", "goroutine N", text)
    text = re.sub(r"\b\d+ goroutines looked at", "N goroutines looked at", text)
    return re.sub(r"\b(sched/\w+\.cc):\d+", r"\1:N", text)


def expanded(url):
    """As curl does: a[1-3] is a1, a2 and a3."""
    before, bracket, rest = url.partition("[")
    if not bracket:
        return [url]
    numbers, _, after = rest.partition("]")
    first, last = map(int, numbers.split("-"))
    return [f"{before}{n}{after}" for n in range(first, last + 1)]


class Session:
    """The service, and a folder for the files of the page."""

    def __init__(self):
        self.service = services.Search(PROGRAM)
        self.folder = tempfile.TemporaryDirectory()

    def __enter__(self):
        self.service.__enter__()
        return self

    def __exit__(self, *how):
        self.service.__exit__(*how)
        self.folder.cleanup()

    def file(self, name):
        return pathlib.Path(self.folder.name, name)

    def curl(self, words):
        assert words[1] == "-s" and words[-2] == ">", words
        answers = b"".join(services.get(*address) for url in words[2:-2] for address in
                           ((u.partition("/")[0], "/" + u.partition("/")[2]) for u in expanded(url)))
        self.file(words[-1]).write_bytes(answers)
        self.service.until_left({"main.cc": 2})

    def quit(self):
        self.service.process.send_signal(signal.SIGQUIT)
        self.service.process.wait(timeout=services.PATIENCE)
        self.service.log.seek(0)
        self.file("service.log").write_text(self.service.log.read(), encoding="utf-8")

    def run(self, command):
        words = shlex.split(command.replace("localhost:6060", self.service.profiles)
                            .replace("localhost:8080", self.service.address))
        if words[0] == "curl":
            self.curl(words)
            return ""
        if words[0] == "kill":
            self.quit()
            return ""
        assert words[0] == "taut", command
        run = subprocess.run([TAUT, *words[1:]], capture_output=True, text=True, check=False,
                             timeout=services.PATIENCE, cwd=self.folder.name)
        return pages.local(run.stdout + run.stderr).replace(self.service.profiles, "localhost:6060")


class DumpPageTest(unittest.TestCase):
    maxDiff = None

    def test_shows_what_the_commands_print(self):
        with Session() as session:
            seen = 0
            for _, command, shown in pages.steps(pages.text_of(PAGE)):
                if command.startswith("taut"):
                    pages.until_shown(self, session.run, command, shown, normal)
                else:
                    self.assertEqual(session.run(command), shown, f"$ {command}")
                seen += 1
        self.assertGreater(seen, 5)


def write():
    with Session() as session:
        def fresh(block):
            return "```\n" + "".join(f"$ {command}\n{session.run(command)}"
                                     for _, command, _ in pages.steps(block[0])) + "```"
        page = services.ROOT / "docs/howto" / PAGE
        page.write_text(re.sub(r"^```\n\$ .*?^```", fresh, pages.text_of(PAGE), flags=re.M | re.S),
                        encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[3:] == ["--write"]:
        write()
    else:
        unittest.main(argv=sys.argv[:1])
