# SPDX-License-Identifier: Apache-2.0
"""One of the two servers as a child process: started, asked, measured, stopped."""
import http.client
import json
import pathlib
import re
import signal
import subprocess
import tempfile
import time


class Failed(Exception):
    """What went wrong and what to do about it, in one sentence."""


class Twin:
    """A running server. Use it as a context manager: whatever happens, the process ends."""

    def __init__(self, program: pathlib.Path, port: int, options: list = (), **more):
        self.name = program.name
        self.log_copy = program.with_suffix(".log")
        if not program.exists():
            raise Failed(f"{program} is missing; ./dev demo builds it.")
        self.log = tempfile.TemporaryFile(mode="w+")
        # A group of its own: Ctrl-C in the terminal is for demo.py, which then stops the server.
        self.process = subprocess.Popen([program, "--addr", f"127.0.0.1:{port}", *options],
                                        text=True, stdout=subprocess.PIPE, stderr=self.log,
                                        process_group=0, **more)
        self.keep = False
        try:
            line = self.process.stdout.readline()
            profiles = re.match(r"profiles at http://127\.0\.0\.1:(\d+)", line)
            if profiles:
                line = self.process.stdout.readline()
            self.debug_port = int(profiles[1]) if profiles else None
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if not found:
                raise Failed(f"{self.name} did not start: {self.last_words()}")
        except BaseException:
            self.__exit__()
            raise
        self.port = int(found[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.keep and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def last_words(self) -> str:
        """The end of its stderr, and how it ended."""
        try:
            status = self.process.wait(timeout=2)
            ended = (f"killed by {signal.Signals(-status).name}" if status < 0 else
                     f"exit status {status}")
        except subprocess.TimeoutExpired:
            ended = "it still runs but does not answer"
        self.log.seek(0)
        text = self.log.read()
        lines = text.strip().splitlines()
        # A dump begins with what happened; a log ends with it.
        shown = lines if len(lines) <= 12 else lines[:8] + ["..."] + lines[-3:]
        if not lines:
            return ended + ", without a word"
        words = "; its last words:\n  " + "\n  ".join(shown)
        if len(shown) < len(lines):
            self.log_copy.write_text(text)
            words += f"\nall of them: {self.log_copy}"
        return ended + words

    def get(self, path: str, timeout: float = 60, port: int | None = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as e:
            raise Failed(f"{self.name} did not answer GET {path} ({e}): "
                         f"{self.last_words()}") from e
        finally:
            connection.close()
        if answer.status not in (200, 202):
            raise Failed(f"{self.name} answered GET {path} with {answer.status}: "
                         f"{body.decode()[:200]}")
        return body

    def stats(self) -> dict:
        return json.loads(self.get("/stats"))

    def memory(self) -> int:
        """Bytes of memory in use."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) << 10

    def settle(self, rest: float = 1.2, limit: float = 8) -> dict:
        """Waits until the number of goroutines has not changed for a while: late answers have
        come, and after 1.2 s what waits has waited long enough to be looked at."""
        end = time.monotonic() + limit
        last, since = None, time.monotonic()
        while True:
            now = self.stats()
            if last is None or now["goroutines"] != last:
                last, since = now["goroutines"], time.monotonic()
            if time.monotonic() > min(since + rest, end):
                return now
            time.sleep(0.05)

    def stop(self) -> dict:
        """Ends it as an operator would."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            text, _ = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)  # makes it write its goroutines and end
            raise Failed(f"{self.name} did not end within 20 s of SIGTERM: "
                         f"{self.last_words()}") from None
        left = re.search(r"stopped: (\d+) goroutines left", text)
        if not left:
            raise Failed(f"{self.name} did not stop in order: {self.last_words()}")
        return {"status": self.process.returncode, "goroutines_left": int(left[1]),
                "seconds": round(time.monotonic() - begun, 3)}
