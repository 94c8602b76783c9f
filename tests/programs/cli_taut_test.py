#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The taut command on taut services: debug_serve.cc, which leaks one goroutine, and debug_waits.cc, which
has one in each kind of wait.

usage: cli_taut_test.py TAUT DEBUG_SERVE DEBUG_WAITS
"""
import json
import os
import pathlib
import re
import shutil
import sys
import tempfile
import unittest
import unittest.mock

from cli_support import BUILD, HERE, taut

sys.path.insert(0, str(HERE.parent / "support"))

import services  # noqa: E402

# What BUILD is to the other tests is the service to this one.
SERVICE, WAITS = BUILD, pathlib.Path(sys.argv[3]).resolve()
STUCK = {("(anonymous namespace)::wait_for_work", "chan receive"): 5,
         ("(anonymous namespace)::wait_for_answer", "chan receive"): 3,
         ("main::{lambda}::{lambda}", "chan send"): 1}


class OnService(unittest.TestCase):
    program = SERVICE

    @classmethod
    def setUpClass(cls):
        cls.service = services.TestProgram(cls.program)
        cls.address = cls.service.profiles
        cls.folder = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.service.end()
        cls.folder.cleanup()

    def good(self, *arguments, status=0):
        code, out, err = taut(*arguments)
        self.assertEqual((code, err), (status, ""), out)
        return out

    def saved(self, profile, debug):
        path = pathlib.Path(self.folder.name, f"{profile}{debug}")
        path.write_bytes(services.get(self.address, f"/debug/pprof/{profile}?debug={debug}"))
        return path

    def groups(self, source):
        return json.loads(self.good("goroutines", source, "--json"))["groups"]


class TautTest(OnService):
    def test_places_and_states(self):
        for source in (self.address, *(self.saved("goroutine", debug) for debug in (0, 1, 2, 3))):
            found = {}
            for group in self.groups(source):
                if group["blocked"] and group["blocked"]["file"].endswith("debug_serve.cc"):
                    # debug=1 has no frame that would tell the state.
                    name = group["blocked"]["function"]
                    state = group["state"] or [s for f, s in STUCK if f == name][0]
                    if (name, state) in STUCK:
                        found[name, state] = found.get((name, state), 0) + group["count"]
            self.assertEqual(found, STUCK, source)

    def test_what_it_waits_for(self):
        out = self.good("dump", self.address, "--match", "acme")
        self.assertIn("3 \u00d7 chan receive", out)
        self.assertIn('{tenant: acme "one"}', out)
        self.assertRegex(out, r"waits for channel: cap 0, made at \S*debug_serve\.cc:\d+ by goroutine 1\n")

    def test_leaks(self):
        out = self.good("leaks", self.address, status=1)
        self.assertTrue(out.startswith("1 goroutine can never run again, 1 cause\n"), out)
        self.assertRegex(out, r"\n  cause R\d\d +\S")
        self.assertRegex(out, r"\n  fix +\S")
        for debug in (0, 1, 2, 3):
            leaks = json.loads(self.good("leaks", self.saved("goroutineleak", debug), "--json", status=1))
            self.assertEqual((leaks["proved"], leaks["suspected"]), (1, 0))
            self.assertTrue(leaks["leaks"][0]["blocked"]["file"].endswith("debug_serve.cc"), debug)
        # Only what the detector has judged is judged, also when it went through `dump --json`.
        self.good("leaks", self.saved("goroutine", 2), status=3)
        saved, again = self.saved("goroutine", 3), pathlib.Path(self.folder.name, "again")
        again.write_text(self.good("dump", saved, "--json"), encoding="utf-8")
        self.assertEqual(self.good("leaks", again, status=1), self.good("leaks", saved, status=1))

    def test_no_growth(self):
        for debug in (0, 1, 2, 3):
            out = self.good("diff", self.saved("goroutine", debug), self.address)
            self.assertIn("clean: ", out)

    def test_top(self):
        out = self.good("top", self.address, "--once")
        self.assertRegex(out, r"\n +5  chan receive +\S+debug_serve\.cc:\d+ +"
                              r"\(anonymous namespace\)::wait_for_work")


class WaitsTest(OnService):
    program = WAITS

    def by_line(self, source):
        """(state, function) by the line where it is blocked, of those in the program itself."""
        return {g["blocked"]["line"]: (g["state"], g["blocked"]["function"]) for g in self.groups(source)
                if g["blocked"]["file"].endswith("debug_waits.cc")}

    def process(self):
        pid = self.service.run.pid
        if "may not be" in taut("goroutines", pid)[2]:
            self.skipTest("nobody may look into other processes here")
        return pid

    def test_profiles_tell_what_everybody_waits_for(self):
        exact = {line: state for line, (state, _) in self.by_line(self.address).items() if state != "syscall"}
        self.assertEqual(len(exact), 22)
        for debug in (0, 1):
            seen = self.by_line(self.saved("goroutine", debug))
            for line, state in exact.items():
                # debug=1 leaves out all that would tell a channel's operation.
                known = (state, "") if debug == 1 and state.startswith(("chan ", "select")) else (state,)
                self.assertIn(seen.get(line, ("nowhere",))[0], known, f"line {line} of debug={debug}")

    def test_kinds_of_sources_are_comparable(self):
        pid = self.process()
        for debug in (0, 1, 2, 3):
            for pair in ((self.saved("goroutine", debug), pid), (pid, self.saved("goroutine", debug))):
                moved = [(p["blocked"], p["change"])
                         for p in json.loads(self.good("diff", *pair, "--json"))["places"]
                         if p["change"] and p["blocked"]["file"].endswith("debug_waits.cc")]
                self.assertEqual(moved, [], pair)

    def test_names_from_memory_are_whole(self):
        seen = self.by_line(self.process())
        names = {name for _, name in seen.values()}
        self.assertIn("(anonymous namespace)::receives", names)
        self.assertIn("main::{lambda}::{lambda}", names)
        for name in names:
            self.assertRegex(name, r"\A(\(anonymous namespace\)::\w+|main(::{lambda})+)\Z")
        out = self.good("dump", self.process())
        for leaked in ("_FUN", "{lambda#", "operator()", "@"):
            self.assertNotIn(leaked, out)

    def test_objects_from_memory(self):
        """What each waits for, of kind and address at least; who holds a lock since which line."""
        everybody = json.loads(self.good("dump", self.process(), "--json"))["groups"]
        source = (HERE / "debug_waits.cc").read_text(encoding="utf-8").splitlines()
        line = {mark[1]: n for n, text in enumerate(source, 1) if (mark := re.search(r"// place: (\w+)", text))}
        objects = {g["blocked"]["function"].rpartition("::")[2]: g.get("object") for g in everybody}
        channel = r"chan 0x\w+ \(cap 0, len 0\), made at \S*debug_waits\.cc:%d" % line["channels"]
        for function, pattern in {
                "receives": channel, "selects": f"receive from {channel}; or send to {channel}",
                "locks": r"lock 0x\w+, held by goroutine 1, taken at \S*debug_waits\.cc:%d" % line["guard"],
                "write_locks": r"lock 0x\w+, held by .*", "groups": r"wait group 0x\w+",
                "conditions": r"condition 0x\w+", "semaphores": r"semaphore 0x\w+",
                "contexts": r"context 0x\w+", "scopes": r"scope 0x\w+", "enters": r"scope 0x\w+"}.items():
            self.assertRegex(str(objects[function]), rf"\A{pattern}\Z", function)

    def test_cases_of_a_select(self):
        out = self.good("dump", self.address, "--match", "selects")
        channel = r"channel: cap 0, made at \S*debug_waits\.cc:\d+ by goroutine 1"
        self.assertRegex(out, f"\n    waits for receive on {channel}; or send on {channel}\n")


class NamelessTest(unittest.TestCase):
    """A service that names nothing: TAUT_SYMBOLIZE=0."""
    good, saved, groups, by_line = OnService.good, OnService.saved, OnService.groups, WaitsTest.by_line

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.folder = folder
        self.addCleanup(folder.cleanup)
        self.program = pathlib.Path(shutil.copy(WAITS, folder.name))
        with unittest.mock.patch.dict(os.environ, TAUT_SYMBOLIZE="0"):
            self.service = services.TestProgram(self.program)
        self.addCleanup(self.service.end)
        self.address = self.service.profiles

    def replace_program(self):
        """By another of its name, which has another build id."""
        shutil.copy(SERVICE, self.folder.name + "/other")
        os.replace(self.folder.name + "/other", self.program)

    def test_names_come_from_the_files_that_were_mapped(self):
        profile, listing = self.saved("goroutine", 0), self.saved("goroutine", 3)
        for source in profile, listing, self.address:
            with self.subTest(source=source):
                seen = self.by_line(source)
                self.assertGreaterEqual(len(seen), 22)
                self.assertIn(("chan receive", "(anonymous namespace)::receives"), seen.values())
                self.assertNotIn("TAUT_SYMBOLIZE", self.good("goroutines", source, "--match", "debug_waits"))
        self.replace_program()
        for source in profile, listing:
            with self.subTest(source=source):
                out = self.good("dump", source)
                self.assertRegex(out, r"\bdebug_waits\+0x[0-9a-f]+\b")
                self.assertNotIn("no stack", out)
                self.assertNotIn("wait_for_work", out)
                self.assertIn("note: the service did not name its functions (TAUT_SYMBOLIZE=0), and", out)

    def test_the_place_of_a_wait_needs_no_names(self):
        self.replace_program()
        out = self.good("goroutines", self.address)
        self.assertGreater(out.count("debug_waits.cc:"), 2 * 16)  # where, and created where


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
