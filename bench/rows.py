# SPDX-License-Identifier: Apache-2.0
"""The rows of the comparison: what runs on each side, what is measured, and how much faster than Go we want to be."""
import dataclasses
import json
import re

# Wanted of rows for which no larger ratio is asked: not slower than Go.
AHEAD = 1.0


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    what: str
    unit: str
    workers: int
    ours: tuple          # program and arguments
    go: tuple
    field: str = ""      # of the JSON object of the `parked` programs
    wanted: float | None = AHEAD
    asked: bool = False  # wanted is one of the project's goals
    limit: float | None = None  # our value may not be above it, whatever Go's is
    heavy: bool = False  # takes seconds: fewer repetitions
    memory_gib: float = 0.0
    touches: int = 0     # pages of memory that it touches: run.py touches as many before

    @property
    def key(self):
        """Rows of one key are read from one run."""
        return self.ours


def benchmark(name, go, what, workers=(1, 2), wanted=None, scale=1.0, unit="ns", once=False, heavy=False):
    """A Google Benchmark and a testing.B; `wanted` maps workers to the goal."""
    wanted = wanted or {}
    made = []
    for w in workers:
        time = [] if once else ["--benchmark_min_time={seconds}"]
        made.append(Row(
            name=f"{name}/w{w}", what=what, unit=unit, workers=w,
            ours=("taut_peers", f"--benchmark_filter=^{name}/w:{w}/", "--benchmark_format=json", *time),
            go=("peers.test", "-test.run=^$", f"-test.bench=^Benchmark{go}$", f"-test.cpu={w}",
                "-test.benchtime=" + ("1x" if once else "{seconds}s")),
            wanted=wanted.get(w, AHEAD), asked=w in wanted, heavy=heavy))
    return made


def parked(name, mode, count, workers, what, field, unit, wanted=AHEAD, limit=None, asked=False, heavy=True,
           memory_gib=0.0):
    return Row(name=f"{name}/w{workers}", what=what, unit=unit, workers=workers,
               ours=("taut_parked", mode, str(count), str(workers)), go=("go_parked", mode, str(count)),
               field=field, wanted=wanted, limit=limit, asked=asked, heavy=heavy, memory_gib=memory_gib,
               touches=count * 23 // 20 if mode == "park" else 0)


ROWS = [
    *benchmark("yield_2", "Yield2", "2 goroutines yield to each other; per switch", (1,), {1: 4.0}),
    *benchmark("yield_8", "Yield8", "8 goroutines yield; wall time per yield, all workers together", (2,)),
    *benchmark("spawn_batch", "SpawnBatch", "start 1000 empty goroutines, then join them; per goroutine",
               wanted={1: 2.7}),
    *benchmark("spawn_one", "SpawnOne", "start one empty goroutine and join it; per goroutine"),
    *benchmark("ping_pong", "PingPong", "two goroutines, two unbuffered channels; per message one way",
               wanted={1: 2.0, 2: 1.0}),
    *benchmark("ping_pong_pinned", "PingPongPinned", "the same, each bound to a worker of its own (Go: to a thread)", (2,)),
    *benchmark("spsc", "Spsc", "one sender, one receiver, capacity 128; per message", wanted={1: 1.8}),
    *benchmark("mpmc", "Mpmc", "4 senders, 4 receivers, capacity 128; per message"),
    *benchmark("select_2_ready", "Select2Ready", "select over two channels that hold messages; per select", (1,),
               wanted={1: 1.8}),
    *benchmark("select_2_buffered", "Select2Buffered", "a sender each for 2 channels of capacity 128, one selects; "
               "per message", wanted={1: 1.8}),
    *benchmark("select_8_buffered", "Select8Buffered", "the same, 8 channels"),
    *benchmark("select_2_blocking", "Select2Blocking", "the same, 2 unbuffered channels"),
    *benchmark("select_8_blocking", "Select8Blocking", "the same, 8 unbuffered channels"),
    *benchmark("select_default", "SelectDefault", "select over an empty channel and a default; per select", (1,)),
    *benchmark("mutex", "Mutex", "lock and unlock, nobody else", (1,), {1: 1.0}),
    *benchmark("mutex_8", "Mutex8", "8 goroutines lock and unlock; wall time per pair, all together", (2,)),
    *benchmark("timer", "Timer", "arm a timer and stop it", (1,)),
    *benchmark("skynet", "Skynet", "a tree of goroutines with 1,000,000 leaves, ten children each; all of it",
               wanted={1: 2.5, 2: 2.5}, unit="ms", once=True),
    parked("parked_100k_bytes", "park", 100_000, 1, "100,000 goroutines wait on a channel; memory of each", "bytes",
           "B", wanted=None, limit=4.6 * 1024, memory_gib=1),
    parked("parked_100k_create", "park", 100_000, 1, "the same; time to start each and let it park", "create_ns",
           "ns", wanted=None, limit=5000, memory_gib=1),
    parked("parked_1M_bytes", "park", 1_000_000, 1, "1,000,000 goroutines wait on a channel; memory of each",
           "bytes", "B", wanted=None, limit=4.6 * 1024, asked=True, memory_gib=8),
    parked("parked_1M_create", "park", 1_000_000, 1, "the same; time to start each and let it park", "create_ns",
           "ns", limit=5000, asked=True, wanted=None, memory_gib=8),
    parked("parked_1M_wake", "park", 1_000_000, 1, "the same; close the channel and join; per goroutine", "wake_ns",
           "ns", wanted=None, memory_gib=8),
    *(parked("sleepers_100k_cpu", "sleep", 100_000, w, "100,000 goroutines sleep 0 to 500 ms; CPU time of each",
             "cpu_ns", "ns", memory_gib=1) for w in (1, 2)),
    *(parked("sleepers_100k_late", "sleep", 100_000, w, "the same; the last is done so long after 500 ms",
             "late_ms", "ms", wanted=None, memory_gib=1) for w in (1, 2)),
    parked("idle", "idle", 1000, 2, "CPU time of a process with 1,000 waiting goroutines, per second", "cpu_us_per_s",
           "us", wanted=None, limit=1000, asked=True),
]


def parse_ours(row, text):
    """The measured values of one run of ours, by row field ("" for a benchmark, whose "cpu" is the CPU time of all its
    threads), and the run's other facts."""
    if row.field:
        return json.loads(text)
    runs = json.loads(text)["benchmarks"]
    if len(runs) != 1:
        raise ValueError(f"{len(runs)} benchmarks ran, not one")
    if runs[0].get("error_occurred"):
        raise ValueError(runs[0]["error_message"])
    return {"": runs[0]["real_time"], "cpu": runs[0]["cpu_ns"] / (1e6 if row.unit == "ms" else 1)}


def parse_go(row, text):
    if row.field:
        return json.loads(text)
    found = re.findall(r"^Benchmark\S+\s+\d+\s+([\d.]+) ns/op", text, re.M)
    if len(found) != 1:
        raise ValueError(f"{len(found)} benchmarks ran, not one")
    return {"": float(found[0]) / (1e6 if row.unit == "ms" else 1)}
