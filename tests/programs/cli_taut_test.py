#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The taut command on a taut service: tests/programs/debug_serve.cc, which leaks one goroutine.

usage: cli_taut_test.py TAUT SERVICE
"""
import json
import pathlib
import sys
import tempfile
import unittest

from cli_support import BUILD, HERE, taut

sys.path.insert(0, str(HERE.parent / "support"))

import services  # noqa: E402

# What BUILD is to the other tests is the service to this one.
SERVICE = BUILD
STUCK = {("(anonymous namespace)::wait_for_work", "chan receive"): 5,
         ("(anonymous namespace)::wait_for_answer", "chan receive"): 3,
         ("main::{lambda}::{lambda}", "chan send"): 1}


class TautTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = services.TestProgram(SERVICE)
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

    def test_places_and_states(self):
        for source in (self.address, *(self.saved("goroutine", debug) for debug in (0, 1, 2, 3))):
            found = {}
            for group in json.loads(self.good("goroutines", source, "--json"))["groups"]:
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

    def test_no_growth(self):
        for debug in (0, 1, 2, 3):
            out = self.good("diff", self.saved("goroutine", debug), self.address)
            self.assertIn("clean: ", out)

    def test_top(self):
        out = self.good("top", self.address, "--once")
        self.assertRegex(out, r"\n +5  chan receive +\S+debug_serve\.cc:\d+ +"
                              r"\(anonymous namespace\)::wait_for_work")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
