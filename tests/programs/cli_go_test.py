#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The taut command on a real Go program: by its URL, from saved files in each format, from its death.

usage: cli_go_test.py TAUT BUILD_FOLDER          exit code 77: there is no Go
"""
import gzip
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

from cli_support import BUILD, go_program, taut

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


if __name__ == "__main__":
    if shutil.which("go") is None:
        print("skipped: there is no go (Debian: golang-go)")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
