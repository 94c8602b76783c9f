#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dumps every goroutine ten times a second while wrk drives the example service.

Slices of time with and without the dumps take turns; the requests that the service answered in
each are compared. Ends with status 0 only if no dump hung, failed or was malformed, the service
lived and stopped in order, and the dumps cost no more of the throughput than --ratio allows. On a
machine that others use too the slices differ by a fifth: it is too much when the median of the pairs
is too low with 95 % certainty, and unsure when only the median measured is.
"""
import argparse
import gzip
import json
import pathlib
import statistics
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICE = ROOT / "examples/leaky_search"
sys.path.insert(0, str(SERVICE))
sys.path.insert(0, str(ROOT / "bench"))

import load  # noqa: E402
from recording import interval_of_median  # noqa: E402
from twin import Failed, Twin  # noqa: E402

SKIPPED = 77
KINDS = [f"{profile}?debug={form}" for profile in ("goroutine", "goroutineleak")
         for form in range(4)]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    option = parser.add_argument
    option("--seconds", type=int, default=120, help="how long in all (default: 120)")
    option("--slice", type=float, default=4, help="seconds of each slice (default: 4)")
    option("--rate", type=float, default=10, help="dumps in a second (default: 10)")
    option("--ratio", type=float, default=0.95,
           help="throughput with the dumps, of that without, that must be reached (default: 0.95; "
                "0: only look for hangs and failures, as in a build with a sanitizer)")
    option("--twin", choices=("fixed", "leaky"), default="fixed",
           help="which service; the leaky one grows all the time (default: fixed)")
    option("--build", type=pathlib.Path, default=ROOT / "build/release/examples/leaky_search",
           help="where the two programs are")
    wanted = parser.parse_args()
    if wanted.slice <= 0 or wanted.rate <= 0 or wanted.seconds < 4 * wanted.slice:
        parser.error("--slice and --rate take numbers above 0, and --seconds at least four slices")
    return wanted


def check(kind: str, body: bytes) -> None:
    """Throws for an answer that is not what its form promises."""
    profile, form = kind.split("?debug=")
    if form == "0":
        if not gzip.decompress(body):
            raise ValueError("an empty profile")
    elif form == "1":
        if not body.startswith(f"{profile} profile: total ".encode()):
            raise ValueError(f"not a text profile: {body[:80]!r}")
    elif form == "2":
        if body and not body.startswith(b"goroutine "):
            raise ValueError(f"not a dump: {body[:80]!r}")
    elif not isinstance(json.loads(body)["total"], int):
        raise ValueError("JSON without a total")


class Dumps:
    """A thread that asks at the rate while it may, one form after the other."""

    def __init__(self, twin: Twin, rate: float):
        self.twin, self.period = twin, 1 / rate
        self.on, self.end = threading.Event(), False
        self.count, self.bytes, self.longest, self.failed = 0, 0, 0.0, None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        due = time.monotonic()
        while not self.end and self.failed is None:
            if not self.on.wait(0.1):
                due = time.monotonic()
                continue
            time.sleep(max(0.0, due - time.monotonic()))
            kind, begun = KINDS[self.count % len(KINDS)], time.monotonic()
            try:
                body = self.twin.get(f"/debug/pprof/{kind}", port=self.twin.debug_port)
                check(kind, body)
            except (Failed, ValueError, KeyError, OSError, EOFError) as e:
                self.failed = f"{kind}: {e}"
                return
            now = time.monotonic()
            self.count, self.bytes = self.count + 1, self.bytes + len(body)
            self.longest = max(self.longest, now - begun)
            # One that took long is not caught up with.
            due = max(due + self.period, now - self.period)

    def stop(self) -> None:
        self.end = True
        self.thread.join()


def slice_of(twin: Twin, dumps: Dumps, seconds: float, dumping: bool) -> float:
    """Requests a second, counted by the service itself."""
    (dumps.on.set if dumping else dumps.on.clear)()
    before, begun = twin.stats()["requests"], time.monotonic()
    while (left := begun + seconds - time.monotonic()) > 0:
        time.sleep(min(left, 0.2))
        if twin.process.poll() is not None:
            raise Failed(f"{twin.name} ended under load: {twin.last_words()}")
        if dumps.failed:
            raise Failed(dumps.failed)
    after, ended = twin.stats()["requests"], time.monotonic()
    return (after - before) / (ended - begun)


def soak(wanted: argparse.Namespace) -> int:
    load.need_wrk()
    program = wanted.build / f"{wanted.twin}_search"
    with Twin(program, 0, ["--debug", "127.0.0.1:0"]) as twin:
        twin.settle(rest=0.3)
        wrk = subprocess.Popen(
            [load.WRK, "-t1", f"-c{load.CONNECTIONS}", f"-d{wanted.seconds + 60}s", "-s",
             str(SERVICE / "load.lua"), twin.url],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0)
        dumps = Dumps(twin, wanted.rate)
        quiet, busy = [], []
        try:
            slice_of(twin, dumps, min(2.0, wanted.slice), False)  # everybody is connected
            begun = told = time.monotonic()
            end = begun + wanted.seconds
            while time.monotonic() < end or len(busy) < 2:
                # A drift of the machine falls on both alike: quiet busy, busy quiet.
                for dumping in (False, True) if len(busy) % 2 == 0 else (True, False):
                    (busy if dumping else quiet).append(
                        slice_of(twin, dumps, wanted.slice, dumping))
                if wrk.poll() is not None:
                    raise Failed("wrk ended early")
                if (now := time.monotonic()) - told >= 60:
                    told = now
                    print(f"{now - begun:6.0f} s of {wanted.seconds}   {dumps.count:,} dumps",
                          file=sys.stderr, flush=True)
        finally:
            dumps.stop()
            wrk.kill()
            wrk.wait()
        stopped = twin.stop()
        if stopped["status"] != 0:
            raise Failed(f"{program.name} stopped badly: {twin.last_words()}")
    pairs = [b / q for b, q in zip(busy, quiet) if q > 0]
    if len(pairs) < len(busy):
        raise Failed(f"{program.name} answered nothing in a slice without dumps")
    ratio = statistics.median(pairs)
    low, high = interval_of_median(sorted(pairs))
    verdict = "ok" if ratio >= wanted.ratio else "unsure" if high >= wanted.ratio else "short"
    print(f"{program.name}: {statistics.median(quiet):,.0f} requests/s without, "
          f"{statistics.median(busy):,.0f} with {dumps.count / (wanted.slice * len(busy)):.1f} "
          f"dumps/s ({dumps.count:,} dumps, {dumps.bytes / 1e6:,.1f} MB, the longest "
          f"{dumps.longest * 1e3:,.0f} ms); stopped in {stopped['seconds']:.1f} s")
    print(f"ratio {ratio:.3f} (median of {len(pairs)} pairs, with 95 % from {low:.3f} "
          f"to {high:.3f}); wanted {wanted.ratio}: {verdict}")
    return 1 if verdict == "short" else 0


def main() -> int:
    try:
        return soak(arguments())
    except Failed as e:
        print(f"dump_loop: {e}", file=sys.stderr)
        return SKIPPED if load.WRK is None else 1


if __name__ == "__main__":
    sys.exit(main())
