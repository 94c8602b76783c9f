# SPDX-License-Identifier: Apache-2.0
"""Services that tests look at: started on free ports, put under load, brought to a known state, ended."""
import collections
import ctypes
import itertools
import json
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "examples/leaky_search"))

from twin import Twin  # noqa: E402

PATIENCE = 120  # seconds for what takes a moment on a machine that has nothing else to do


def until(condition, what):
    """Asks again and again; returns the first answer that is true."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE} s in vain: {what}")
        time.sleep(0.02)
    return answer


def get(address, path):
    with urllib.request.urlopen(f"http://{address}{path}", timeout=PATIENCE) as answer:
        return answer.read()


class TestProgram:
    """One of tests/programs that prints where it serves profiles, and ends when its input does."""

    def __init__(self, program):
        self.run = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    preexec_fn=let_anybody_look)
        self.profiles = self.run.stdout.readline().decode().strip()

    def end(self):
        self.run.communicate(timeout=PATIENCE)


def let_anybody_look():
    """Where only parents may (Yama), others may look into this process and its memory too."""
    pr_set_ptracer, anybody = 0x59616d61, ctypes.c_ulong(-1)
    ctypes.CDLL(None).prctl(pr_set_ptracer, anybody, 0, 0, 0)


class Search(Twin):
    """examples/leaky_search, or its fixed twin, with profiles."""

    def __init__(self, program):
        super().__init__(program, 0, ["--debug", "127.0.0.1:0"], preexec_fn=let_anybody_look)
        self.address = f"127.0.0.1:{self.port}"
        self.profiles = f"127.0.0.1:{self.debug_port}"

    def goroutines(self, created_in=""):
        """Those that were started in files of that name. Asking starts none."""
        everybody = json.loads(get(self.profiles, "/debug/pprof/goroutine?debug=3"))["goroutines"]
        return [g for g in everybody if "created" in g and g["created"]["file"].endswith(created_in)]

    def until_left(self, expected):
        """Waits until the last connection is closed, and those that were started in each file are as
        many as expected and wait."""
        def there():
            if any(g["labels"].get("name") == "connection" for g in self.goroutines()):
                return False
            found = collections.Counter(pathlib.PurePath(g["created"]["file"]).name
                                        for g in self.goroutines() if g["state"] == "waiting")
            return all(found[file] == count for file, count in expected.items())
        until(there, f"goroutines of {expected}")

    def order_until_stuck(self, customer):
        """Orders until the two halves of one wait for each other's lock."""
        def settled():
            states = [g.get("wait_reason") for g in self.goroutines("/order.cc")]
            return states in ([], ["sync.Mutex.Lock"] * 2) and [states]
        def stuck():
            self.get(f"/order?q={customer}")
            # Who has not begun is runnable: nobody is overlooked once the answer is there.
            return until(settled, "an order to end or to get stuck")[0]
        until(stuck, "an order that gets stuck")


class Load:
    """Requests on a few connections, each sent before the last is answered, until the end."""

    OTHERS = ("/suggest?q=word%d", "/lookup?q=doc%d", "/watch?q=topic%d", "/index?q=doc%d",
              "/refresh?q=page%d", "/order?q=customer%d", "/audit?q=line%d")
    AT_ONCE = 64

    def __init__(self, service, connections=4):
        self.stopped = False
        self.threads = [threading.Thread(target=self.drive, args=(service.port, n), daemon=True)
                        for n in range(connections)]
        for thread in self.threads:
            thread.start()

    def requests(self, n):
        """Searches for 4096 words in turn, and between them what load.lua asks for seldom."""
        for n in itertools.count(n * 512):
            half, odd = divmod(n, 2)
            path = f"/search?q=word{half % 4096}" if odd else self.OTHERS[half % 7] % half
            yield f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()

    def drive(self, port, n):
        requests = self.requests(n)
        # Made before, so that this costs the machine little beside the service.
        batches = [b"".join(itertools.islice(requests, self.AT_ONCE)) for _ in range(64)]
        with socket.create_connection(("127.0.0.1", port)) as connection:
            for batch in itertools.cycle(batches):
                if self.stopped:
                    return
                connection.sendall(batch)
                answers = b""
                while answers.count(b"HTTP/1.1 ") < self.AT_ONCE or not answers.endswith(b"\n"):
                    piece = connection.recv(65536)
                    if not piece:
                        return
                    answers += piece

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopped = True
        for thread in self.threads:
            thread.join()
