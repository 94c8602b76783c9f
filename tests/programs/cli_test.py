#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The taut command on saved dumps and against servers that misbehave: what it prints, and that every
mistake gets one sentence and exit code 2.

usage: cli_test.py TAUT BUILD_FOLDER
"""
import gzip
import http.server
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from cli_support import TAUT, taut

DUMP = """goroutine 1 [running]:
main.main()
\t/src/app/main.go:10 +0x1d

""" + "".join(f"""goroutine {n} [chan send, 3 minutes]:
main.fetch(0xc000{n})
\t/src/app/search.go:41 +0x2
created by main.main in goroutine 1
\t/src/app/main.go:22 +0x3

""" for n in range(10, 30)) + """goroutine 40 [chan receive (nil chan), 9 minutes] {tenant: acme}:
main.stuck()
\t/src/app/search.go:99 +0x2
"""
PROFILE = ("goroutine profile: total 20\n20 @ 0x1 0x2\n"
           "#\t0x1\tmain.fetch+0x24\t/src/app/search.go:41\n\n")


class Handler(http.server.BaseHTTPRequestHandler):
    growth = 0

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/slow/debug/pprof/goroutine":
            self.server.released.wait(60)
            return
        if path == "/cut/debug/pprof/goroutine":
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(DUMP.encode())
            return
        if path == "/moved/debug/pprof/goroutine":
            self.send_response(302)
            self.send_header("Location", "/debug/pprof/goroutine")
            self.end_headers()
            return
        if path == "/loop/debug/pprof/goroutine":
            self.send_response(302)
            self.send_header("Location", self.path)
            self.end_headers()
            return
        status, body = 200, DUMP
        if path == "/secret/debug/pprof/goroutine":
            if self.headers.get("Authorization") not in ("Bearer word", "Basic bWU6d29yZA=="):
                status, body = 401, "who?"
        elif path == "/page/debug/pprof/goroutine":
            body = "<html>hello</html>"
        elif path == "/broken/debug/pprof/goroutine":
            status, body = 500, "out of luck\nmore\n"
        elif path == "/debug/pprof/goroutineleak":
            status = 404
        elif path == "/once/debug/pprof/goroutine":
            if self.server.answered.is_set():
                self.server.released.wait(60)
                return
            self.server.answered.set()
            body = PROFILE
        elif path == "/grows/debug/pprof/goroutine":
            Handler.growth += 20
            body = PROFILE.replace("20", str(Handler.growth))
        elif path != "/debug/pprof/goroutine":
            status, body = 404, "nothing here"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


class CommandTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        cls.server.released, cls.server.answered = threading.Event(), threading.Event()
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.address = "127.0.0.1:%d" % cls.server.server_port
        cls.folder = tempfile.TemporaryDirectory()
        cls.dump = cls.file("dump.txt", DUMP.encode())

    @classmethod
    def tearDownClass(cls):
        cls.server.released.set()
        cls.server.shutdown()
        cls.folder.cleanup()

    @classmethod
    def file(cls, name, content):
        path = pathlib.Path(cls.folder.name, name)
        path.write_bytes(content)
        return path

    def good(self, *arguments, status=0, **more):
        code, out, err = taut(*arguments, **more)
        self.assertEqual((code, err), (status, ""), out)
        return out

    def bad(self, pattern, *arguments, **more):
        code, out, err = taut(*arguments, **more)
        self.assertEqual((code, out), (2, ""), err)
        self.assertRegex(err, r"\Ataut: [^\n]+\n\Z")
        self.assertRegex(err, pattern)

    def test_dump(self):
        out = self.good("dump", self.dump)
        self.assertIn("20 \u00d7 chan send  for 3m0s\n    main.fetch  /src/app/search.go:41\n", out)
        self.assertIn("1 \u00d7 chan receive (nil chan)  for 9m0s {tenant: acme}\n", out)
        self.assertIn("22 goroutines, 3 stacks\n", out)
        self.assertEqual(self.good("dump", "--raw", self.dump), DUMP)
        self.assertEqual(self.good("dump", "-", stdin=DUMP.encode()), out)
        self.assertEqual(self.good("dump", self.file("dump.gz", gzip.compress(DUMP.encode()))), out)
        self.assertEqual(self.good("dump", self.address), out)
        self.assertEqual(self.good("dump", f"http://{self.address}/moved/debug/pprof/"), out)

    def test_json_reads_back(self):
        out = self.good("dump", "--json", self.dump)
        data = json.loads(out)
        self.assertEqual(data["total"], 22)
        self.assertEqual(data["groups"][0]["goroutines"][0], {"id": 10, "parent": 1, "waited_seconds": 180.0})
        again = self.good("dump", self.file("dump.json", out.encode()))
        self.assertEqual(again, self.good("dump", self.dump))

    def test_goroutines(self):
        out = self.good("goroutines", self.dump)
        self.assertRegex(out, r"\n +20  chan send +3m0s  app/search\.go:41  main\.fetch +app/main\.go:22\n")
        self.assertIn("20 of 22 goroutines, 1 place\n", self.good("goroutines", self.dump, "--state", "SEND"))
        self.assertIn("1 of 22 goroutines", self.good("goroutines", self.dump, "--min-wait", "5m"))
        self.assertIn("1 of 22 goroutines", self.good("goroutines", self.dump, "--match", "acme"))
        first = self.good("goroutines", self.dump, "--sort", "wait").splitlines()[1]
        self.assertIn("nil chan", first)
        rows = json.loads(self.good("goroutines", "--json", self.dump))["groups"]
        self.assertEqual([r["count"] for r in rows], [20, 1, 1])

    def test_stalls(self):
        """Who kept a worker from others, as taut's debug=3 tells."""
        def stall(goroutine, kind, seconds, line):
            return {"goroutine": goroutine, "worker": 1, "kind": kind, "duration_ns": int(seconds * 1e9),
                    "frames": [{"function": "taut::rt::x", "file": "/t/x.cc", "line": 1, "runtime": True},
                               {"function": "app::hash", "file": "/src/app/hash.cc", "line": line}]}
        dump = {"total": 1, "goroutines": [{"id": 1, "state": "running", "frames": []}], "objects": [],
                "stalls": [stall(7, "hogged", 1.2, 3), stall(9, "hogged", 3.5, 3), stall(7, "blocked", 0.25, 8)]}
        path = self.file("stalls.json", json.dumps(dump).encode())
        wanted = (r"\n +2 +3s +computing +app/hash\.cc:3 +app::hash +7, 9\n"
                  r" +1 +250ms +blocked +app/hash\.cc:8 +app::hash +7\n")
        for verb in ("dump", "goroutines"):
            self.assertRegex(self.good(verb, path), wanted)
            # Asked for something else, nobody wants to see them.
            self.assertNotIn("STALLS", self.good(verb, path, "--state", "running"))
            self.assertNotIn("STALLS", self.good(verb, self.dump))
        again = self.file("again.json", self.good("dump", path, "--json").encode())
        self.assertRegex(self.good("goroutines", again), wanted)

    def test_width(self):
        long = self.file("long.txt", DUMP.replace("main.fetch", "main." + "very" * 40).encode())
        for verb in ("dump", "goroutines", "leaks"):
            for width in (40, 80):
                out = taut(verb, long, "--width", width, "--color", "never")[1]
                self.assertTrue(out)
                for line in out.splitlines():
                    self.assertLessEqual(len(line), width, verb + ": " + line)

    def test_diff(self):
        small = self.file("small.txt", DUMP.split("\n\n", 5)[0].encode() + b"\n")
        out = self.good("diff", small, self.dump, status=1)
        self.assertIn("growth: 1 place grew by more than 10%, by 20 goroutines together\n", out)
        self.assertIn("clean: no place grew", self.good("diff", self.dump, self.dump))
        self.assertIn("clean: ", self.good("diff", small, self.dump, "--min-growth", "21"))
        data = json.loads(self.good("diff", small, self.dump, "--json", status=1))
        self.assertEqual((data["verdict"], data["growth"]), ("growth", 20))
        grows = f"{self.address}/grows/debug/pprof/"
        self.assertIn("growth: 1 place", self.good("diff", grows, "--after", "10ms", status=1))
        self.bad("--after reads a service", "diff", self.dump, "--after", "1s")
        self.bad("compares two sources", "diff", self.dump)
        self.bad("drop the other", "diff", self.dump, self.dump, "--after", "1s")

    def test_leaks(self):
        out = self.good("leaks", self.dump, status=1)
        self.assertIn("1 goroutine can never run again, 1 place\n", out)
        self.assertNotIn("may never run again", out)
        out = self.good("leaks", self.dump, "--more-than", "10", status=1)
        self.assertIn("20 goroutines may never run again, 1 place\n", out)
        self.assertIn("suspected: so many for so long at one place", " ".join(out.split()))
        out = self.good("leaks", self.address, status=1)
        self.assertIn("the service has no goroutineleak profile", " ".join(out.split()))
        send = self.file("send.txt", DUMP.split("goroutine 40")[0].encode())
        # Who cannot judge must not seem to have found nothing.
        out = self.good("leaks", send, status=3)
        self.assertTrue(out.startswith("not judged: 21 goroutines looked at, but this dump does not say"), out)
        self.assertNotIn("no leaks found", out)
        self.assertIs(json.loads(self.good("leaks", send, "--json", status=3))["judged"], False)
        self.good("leaks", send, "--more-than", "5", status=3)
        self.good("leaks", send, "--more-than", "5", "--suspected-too", status=1)

    def test_top_once(self):
        out = self.good("top", f"{self.address}/grows/debug/pprof/")
        self.assertRegex(out, r"\n +\d+  \? +app/search.go:41  main.fetch\n")
        self.assertEqual(out.count("\x1b"), 0)

    def live_top(self, end, service="grows", sign=b"GROWN"):
        """Runs top on a terminal of 60 columns, ends it once the sign is shown, returns what it drew."""
        pid, master = pty.fork()
        if pid == 0:
            os.execv(TAUT, [str(TAUT), "top", f"{self.address}/{service}/debug/pprof/", "--every", "100ms"])
        import fcntl
        import struct
        import termios
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 60, 0, 0))
        seen, deadline, ended = b"", time.monotonic() + 60, False
        while time.monotonic() < deadline:
            if not select.select([master], [], [], 0.2)[0]:
                continue
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
            if not ended and sign in seen:
                ended = True
                end(pid, master)
        else:
            os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        os.close(master)
        return os.waitstatus_to_exitcode(status), seen.decode()

    def test_top_live(self):
        for end in (lambda _, master: os.write(master, b"q"), lambda pid, _: os.kill(pid, signal.SIGINT),
                    lambda _, master: os.write(master, b"\x03")):
            status, seen = self.live_top(end)
            self.assertEqual(status, 0, seen)
            self.assertTrue(seen.startswith("\x1b[?1049h"), repr(seen[:80]))
            self.assertTrue(seen.endswith("\x1b[?25h\x1b[?1049l"), repr(seen[-80:]))
            last = re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", seen.split("\x1b[H")[-1])
            for line in last.splitlines():
                self.assertLessEqual(len(line), 60, line)

    def test_top_of_what_stays_as_it_is(self):
        status, _ = self.live_top(lambda _, master: os.write(master, b"q"), "moved", b"22 goroutines  0/s  no change in ")
        self.assertEqual(status, 0)

    def test_top_ends_while_it_waits_for_an_answer(self):
        status, seen = self.live_top(lambda _, master: os.write(master, b"q"), "once", b"no answer for 1s; q quits")
        self.assertFalse(self.server.released.is_set())
        self.assertEqual(status, 0, seen)
        self.assertTrue(seen.endswith("\x1b[?25h\x1b[?1049l"), repr(seen[-80:]))
        self.assertNotIn("did not answer", seen)

    def test_narrow(self):
        """What tells least is left out before names become unreadable."""
        for width, titles in {20: "COUNT BLOCKED AT", 40: "COUNT BLOCKED AT",
                              60: "COUNT STATE LONGEST BLOCKED AT",
                              80: "COUNT STATE LONGEST BLOCKED AT IN CREATED BY"}.items():
            lines = self.good("goroutines", self.dump, "--width", width).splitlines()[:4]
            self.assertEqual(" ".join(lines[0].split()), titles)
            self.assertIn("go:41" if width == 20 else "app/search.go:41", lines[1])
            self.assertLessEqual(max(map(len, lines)), width)

    def test_arguments(self):
        self.assertIn("usage: taut VERB", self.good("--help"))
        self.assertEqual(self.good("help"), self.good("--help"))
        self.assertRegex(self.good("--version"), r"\Ataut \d+\.\d+\.\d+\n\Z")
        for verb in ("dump", "goroutines", "top", "diff", "leaks"):
            self.assertIn(f"usage: taut {verb} SOURCE", self.good("help", verb))
            self.assertIn("core file", self.good("help", verb))
            self.assertEqual(self.good(verb, "--help"), self.good("help", verb))
            self.bad("a SOURCE is missing", verb)
        code, out, err = taut()
        self.assertEqual((code, out), (2, ""))
        self.assertIn("usage: taut", err)
        self.bad("did you mean 'leaks'", "lekas", self.dump)
        self.bad("taut help lists all", "help", "xyzzy")
        self.bad("did you mean '--width'", "dump", self.dump, "--wdth", "4")
        self.bad("one source too many, 'b'", "dump", self.dump, "b")
        self.bad("leave --match out", "dump", self.dump, "--raw", "--match", "worker")
        self.bad("takes a duration", "goroutines", self.dump, "--min-wait", "soon")
        self.bad("percentage", "diff", self.dump, self.dump, "--wobble", "lots")
        self.bad("--sort", "dump", self.dump, "--sort", "colour")
        self.bad("--width", "dump", self.dump, "--width", "wide")

    def test_bad_files(self):
        self.bad("there is no file", "dump", "no/such/file")
        self.bad("is a directory", "dump", self.folder.name)
        self.bad("is empty", "dump", self.file("empty", b""))
        self.bad("is empty", "dump", "-", stdin=b"")
        self.bad("holds no goroutines", "dump", self.file("notes.txt", b"buy milk\n"))
        packed = gzip.compress(DUMP.encode())
        self.bad("ends early", "dump", self.file("cut.gz", packed[:len(packed) // 2]))
        self.bad("damaged", "dump", self.file("bad.gz", packed[:20] + b"\0" * 20 + packed[40:]))
        self.bad("program or library", "dump", TAUT)
        self.bad("another kind of profile", "leaks", self.file("heap", b"heap profile: 1: 2 [3: 4] @ heap/1\n"))
        self.bad("cpu profile", "diff", self.file("cpu", b"cpu profile: total 3\n"), self.dump)
        if os.getuid() != 0:
            secret = self.file("secret", DUMP.encode())
            secret.chmod(0)
            self.bad("Permission denied", "dump", secret)

    def test_bad_servers(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            self.bad("cannot connect", "dump", "127.0.0.1:%d" % unused.getsockname()[1])
        self.bad("no host", "dump", "no.such.host.invalid:6060")
        self.bad("status 404", "dump", f"{self.address}/nothing/debug/pprof/")
        self.bad("status 401.*--token", "dump", f"{self.address}/secret/debug/pprof/")
        self.bad("status 500 .out of luck.", "dump", f"{self.address}/broken/debug/pprof/")
        self.bad("is a web page", "dump", f"{self.address}/page/debug/pprof/")
        self.bad("within 300ms", "dump", f"{self.address}/slow/debug/pprof/", "--timeout", "300ms")
        self.bad("without a whole answer", "dump", f"{self.address}/cut/debug/pprof/")
        self.bad("in a circle", "dump", f"{self.address}/loop/debug/pprof/")
        self.bad("neither http nor https", "dump", "ftp://localhost/")

    def test_credentials(self):
        secret = f"{self.address}/secret/debug/pprof/"
        self.assertIn("22 goroutines", self.good("dump", secret, "--token", "word"))
        self.assertIn("22 goroutines", self.good("dump", secret, TAUT_TOKEN="word"))
        self.assertIn("22 goroutines", self.good("dump", f"http://me:word@{secret}"))

    def test_reader_that_leaves(self):
        many = self.file("many.txt", "".join(
            f"goroutine {n} [select]:\nmain.f{n}()\n\ta.go:{n}\n\n" for n in range(1, 20000)).encode())
        with subprocess.Popen([str(TAUT), "dump", str(many)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as run:
            run.stdout.readline()
            run.stdout.close()
            self.assertEqual(run.stderr.read(), b"")
            self.assertEqual(run.wait(60), 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
