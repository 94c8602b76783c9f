#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The taut command on a real Go program: by its URL, from saved files in each format, from its death.
Runs the commands of docs/howto/read_a_dump.md too and compares what the page shows.

usage: cli_go_test.py TAUT BUILD_FOLDER          exit code 77: there is no Go
       cli_go_test.py TAUT BUILD_FOLDER --write  puts what the commands print into the page
"""
import gzip
import json
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

from cli_support import BUILD, HERE, go_program, taut

PAGE = HERE.parent.parent / "docs/howto/read_a_dump.md"
# Place of the blocked call, state, how many: what main.go starts.
STUCK = {
    ("main.receiveFromGlobal", "chan receive"): 60,
    ("main.sendNobodyReceives", "chan send"): 20,
    ("main.receiveNobodySends", "chan receive"): 5,
    ("main.selectOfTwo", "select"): 1,
    ("main.receiveNil", "chan receive (nil chan)"): 1,
    ("main.selectNothing", "select (no cases)"): 1,
    ("main.lockTwice", "sync.Mutex.Lock"): 1,
    ("main.waitForNobody", "sync.WaitGroup.Wait"): 1,
    ("main.signalNeverComes", "sync.Cond.Wait"): 1,
    ("main.deep", "chan receive"): 1,
}


class Service:
    def __init__(self, binary):
        self.run = subprocess.Popen([str(binary)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.address = self.run.stdout.readline().decode().strip()
        # It has started its goroutines; now all must have come to their places.
        deadline = time.monotonic() + 60
        while not self.at_rest(self.get("/debug/pprof/goroutine?debug=2")):
            if time.monotonic() > deadline:
                raise RuntimeError("the service does not come to rest")
            time.sleep(0.02)

    @staticmethod
    def at_rest(text):
        own = [block for block in text.split(b"\n\n") if b"main.go:" in block]
        return (any(b"main.deep" in block for block in own)
                and not any(b" [runnable" in block or b" [running" in block for block in own))

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=60) as answer:
            return answer.read()

    # What the runtime prints when it is told to die.
    def quit(self):
        self.run.send_signal(signal.SIGQUIT)
        return self.run.communicate(timeout=60)[1]

    def end(self):
        self.run.kill()
        self.run.communicate()


def places(document):
    """(function, state) -> count of the program's own places, from --json."""
    found = {}
    for group in json.loads(document)["groups"]:
        blocked = group["blocked"]
        if blocked and blocked["file"].endswith("main.go"):
            key = (blocked["function"], group["state"])
            found[key] = found.get(key, 0) + group["count"]
    # The main goroutine takes connections; the one asleep is in a wrapper that crashes of some
    # versions show.
    return {key: count for key, count in found.items()
            if key[0] != "main.main" and key[1] != "sleep"}


class GoTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Service(go_program("stuck"))
        cls.folder = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.service.end()
        cls.folder.cleanup()

    def file(self, name, content):
        path = pathlib.Path(self.folder.name, name)
        path.write_bytes(content)
        return path

    def good(self, *arguments, status=0):
        code, out, err = taut(*arguments)
        self.assertEqual((code, err), (status, ""), out)
        return out

    def expect_stuck(self, source, *states_unknown):
        found = places(self.good("goroutines", source, "--json"))
        # Go before 1.20 has one word for all locks; profiles are read off stacks, which do not
        # tell a nil channel.
        expected = {}
        for (function, state), count in STUCK.items():
            key = (function, state)
            if key not in found:
                for other in ("semacquire", state.replace(" (nil chan)", ""), *states_unknown):
                    if (function, other) in found:
                        key = (function, other)
            expected[key] = count
        self.assertEqual(found, expected)

    def test_by_url(self):
        address = self.service.address
        for url in (address, f"http://{address}/", f"{address}/debug/pprof/goroutine",
                    f"{address}/debug/pprof/goroutine?debug=2",
                    f"{address}/debug/pprof/goroutine?debug=0"):
            self.expect_stuck(url)
        self.expect_stuck(f"{address}/debug/pprof/goroutine?debug=1", "")

    def test_saved(self):
        for debug in (0, 1, 2):
            saved = self.service.get(f"/debug/pprof/goroutine?debug={debug}")
            path = self.file(f"debug{debug}", saved)
            self.expect_stuck(path, "")
            if debug != 0:
                self.expect_stuck(self.file(f"debug{debug}.gz", gzip.compress(saved)), "")
            lines = self.good("dump", path)
            self.assertIn("main.sendNobodyReceives", lines)

    def test_details(self):
        out = self.good("dump", self.service.address, "--match", "main.deep")
        self.assertRegex(out, r"main\.deep +\S*main\.go:\d+, \d+ times\n")
        # Go from 1.21 on prints the 50 innermost and the 50 outermost of 131.
        elided = re.search(r"\.\.\.(\d+) frames elided", self.good("dump", "--raw", self.service.address))
        if elided:
            self.assertIn(f"... {elided[1]} frames left out\n", out)
        out = self.good("goroutines", self.service.address, "--state", "chan receive")
        self.assertEqual(out.count("locked to thread"), 1)
        labelled = self.good("dump", f"{self.service.address}/debug/pprof/goroutine?debug=1",
                             "--match", "acme")
        self.assertIn("{request: a b, tenant: acme}", labelled)

    def test_leaks_without_a_leak_profile(self):
        out = self.good("leaks", self.service.address, status=1)
        self.assertIn("2 goroutines can never run again, 2 places\n", out)
        self.assertIn("has no goroutineleak profile", out)
        data = json.loads(self.good("leaks", self.service.address, "--json", status=1))
        self.assertEqual(data["proved"], 2)

    def test_leaks_proved_by_the_collector(self):
        binary = go_program("stuck", "goroutineleakprofile")
        if binary is None:
            self.skipTest("this Go has no goroutineleakprofile experiment")
        service = Service(binary)
        try:
            data = json.loads(self.good("leaks", service.address, "--json", status=1))
            found = {}
            for leak in data["leaks"]:
                self.assertEqual(leak["grade"], "proved")
                name = leak["blocked"]["function"]
                found[name] = found.get(name, 0) + leak["count"]
            # The global ones are reachable; a collector may see a small mutex in its neighbour.
            expected = {function: count for (function, _), count in STUCK.items()
                        if function not in ("main.receiveFromGlobal", "main.lockTwice")}
            found.pop("main.lockTwice", None)
            self.assertEqual(found, expected)
            for debug in (0, 1, 2):
                saved = self.file(f"leaks{debug}", service.get(f"/debug/pprof/goroutineleak?debug={debug}"))
                again = json.loads(self.good("leaks", saved, "--json", status=1))
                self.assertEqual(again["proved"], data["proved"])
        finally:
            service.end()

    def test_crash(self):
        service = Service(go_program("stuck"))
        dead = self.file("crash.txt", b"started\n" + service.quit())
        self.expect_stuck(dead)
        prefixed = b"".join(b"2026-11-22T10:00:%02d.5Z stuck[4711]: " % (n % 60) + line + b"\n"
                            for n, line in enumerate(dead.read_bytes().split(b"\n")))
        self.expect_stuck(self.file("journal.txt", prefixed))

    def test_growth(self):
        service = Service(go_program("stuck"))
        try:
            before = self.file("before", service.get("/debug/pprof/goroutine"))
            self.assertIn("clean", self.good("diff", before, service.address))
            service.get("/grow?n=100")
            after = self.file("after", service.get("/debug/pprof/goroutine?debug=2"))
            for source in (service.address, after):
                data = json.loads(self.good("diff", before, source, "--json", status=1))
                grown = [p for p in data["places"] if p["grown"]]
                self.assertEqual([(p["blocked"]["function"], p["before"]) for p in grown],
                                 [("main.sendNobodyReceives", 20)])
                # The service may not have started all of them yet.
                self.assertGreater(grown[0]["after"], 30)
        finally:
            service.end()

    def test_top(self):
        out = self.good("top", self.service.address, "--once")
        self.assertRegex(out, r"\n +60  chan receive +\S+main\.go:\d+ +main\.receiveFromGlobal")


class Page:
    """The commands of the page, and what they print."""

    def __init__(self):
        self.service = Service(go_program("stuck"))
        self.folder = tempfile.TemporaryDirectory()

    def end(self):
        self.service.end()
        self.folder.cleanup()

    def run(self, command):
        words = shlex.split(command.replace("localhost:6060", self.service.address))
        if words[0] == "curl":
            path = words[2].split(self.service.address)[1]
            pathlib.Path(self.folder.name, words[-1]).write_bytes(self.service.get(path))
            if path.startswith("/grow"):
                self.until_grown(20 + int(path.partition("=")[2]))
            return ""
        if words[0] == "kill":
            pathlib.Path(self.folder.name, "service.log").write_bytes(self.service.quit())
            return ""
        assert words[0] == "taut", command
        _, out, err = taut(*words[1:], cwd=self.folder.name)
        return (out + err).replace(self.service.address, "localhost:6060")

    # A goroutine that has not run yet is at no place.
    def until_grown(self, count):
        deadline = time.monotonic() + 60
        while b"\n%d @" % count not in self.service.get("/debug/pprof/goroutine?debug=1"):
            if time.monotonic() > deadline:
                raise RuntimeError("the service has not started its goroutines")
            time.sleep(0.05)


def normal(text):
    """Without what differs from run to run: numbers of goroutines, waits, spaces of columns."""
    text = re.sub(r"goroutines? \d+(, \d+)*(, \u2026)?\n", "goroutines N\n", text)
    text = re.sub(r"\b\d+ goroutines looked at", "N goroutines looked at", text)
    text = re.sub(r" of \d+ goroutines", " of N goroutines", text)
    text = re.sub(r"  for (\d+[hms]+)+|(\d+h)?\d+m\d+s", "", text)
    text = re.sub(r" -(?= )", "", text)
    return re.sub(r"[ \t]+", " ", text).strip()


def steps(page):
    """(command, shown output) of each block of the page that begins with a command."""
    for block in re.findall(r"^```\n(\$ .*?)^```", page, re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, shown = part.partition("\n")
            yield command, shown


class PageTest(unittest.TestCase):
    def test_shows_what_the_commands_print(self):
        page = Page()
        try:
            seen = 0
            for command, shown in steps(PAGE.read_text(encoding="utf-8")):
                out = page.run(command)
                self.assertEqual(normal(out), normal(shown), "$ " + command)
                seen += 1
            self.assertGreater(seen, 5)
        finally:
            page.end()


def write():
    page = Page()

    def fresh(block):
        return "```\n" + "".join(f"$ {command}\n{page.run(command)}"
                                 for command, _ in steps(block[0])) + "```"

    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(re.sub(r"^```\n\$ .*?^```", fresh, text, flags=re.M | re.S), encoding="utf-8")
    page.end()


if __name__ == "__main__":
    if shutil.which("go") is None:
        print("skipped: there is no go (Debian: golang-go)")
        sys.exit(77)
    if sys.argv[3:] == ["--write"]:
        write()
    else:
        unittest.main(argv=sys.argv[:1])
