#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares taut with Go, side by side: the two programs of each row run in turn, and medians are compared.

usage: run.py [--quick] [--rows REGEX] [--repeat N] [--json FILE] [--build DIR] [--list]
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time

import rows

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAME = pathlib.Path(sys.argv[0]).name  # recording.py uses this file too
OUT = ROOT / "build/bench"
TIMEOUT_S = 120


def fail(message):
    print(f"bench/{NAME}: {message}", file=sys.stderr)
    sys.exit(2)


class Parser(argparse.ArgumentParser):
    def error(self, message):
        fail(f"{message} ({NAME} --help lists the options)")


def options():
    parser = Parser(description=__doc__.split("\n", 1)[0], allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="2 short repetitions of each row instead of 5")
    parser.add_argument("--rows", metavar="REGEX", default="", help="only rows whose name it is found in")
    parser.add_argument("--repeat", metavar="N", type=int, help="repetitions of each row")
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path, default=OUT / "results.json",
                        help="where the results go (build/bench/results.json)")
    parser.add_argument("--build", metavar="DIR", type=pathlib.Path, default=ROOT / "build/release",
                        help="the CMake build with taut_peers (build/release)")
    parser.add_argument("--list", action="store_true", help="print the rows and what they measure, run nothing")
    chosen = parser.parse_args()
    if chosen.repeat is not None and chosen.repeat < 1:
        fail(f"--repeat takes a number from 1 up, not {chosen.repeat}")
    chosen.rows = rows_named(chosen.rows)
    check_writable(chosen.json)
    return chosen


def rows_named(regex):
    try:
        wanted = re.compile(regex)
    except re.error as e:
        fail(f"--rows '{regex}' is not a regular expression: {e}")
    found = [r for r in rows.ROWS if wanted.search(r.name)]
    return found or fail(f"no row matches '{regex}' (--list shows them)")


def check_writable(file):
    """OUT is made when it is missing, any other folder must be there."""
    if file.is_dir() or not (file.parent == OUT or file.parent.is_dir()):
        fail(f"cannot write {file}: it is a folder, or in none that exists")


# ---- the programs -------------------------------------------------------------------------------

def find_go():
    found = shutil.which("go")
    if not found:
        places = [*sorted(pathlib.Path("/usr/lib").glob("go-*/bin/go"), reverse=True),
                  pathlib.Path("/usr/local/go/bin/go")]
        found = next((str(p) for p in places if p.exists()), None)
    return found or fail("Go is not on PATH; install Debian's golang-go, or let ./dev bench do it")


def build_go(go):
    environment = os.environ | {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOPROXY": "off", "GO111MODULE": "on",
                                "GOWORK": "off", "CGO_ENABLED": "0"}
    for command in (["test", "-c", "-o", OUT / "peers.test", "."], ["build", "-o", OUT / "go_parked", "./parked"]):
        done = subprocess.run([go, *command], cwd=ROOT / "bench/peers/go", env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            print(done.stdout, end="", file=sys.stderr)
            fail(f"'go {' '.join(map(str, command))}' failed (its words are above)")


def ours_at(build):
    """Where our programs are."""
    folder = build.resolve() / "bench"
    for program in ("taut_peers", "taut_parked"):
        if not (folder / program).exists():
            fail(f"{folder / program} is missing; ./dev bench builds it")
    return folder


class Failed(Exception):
    pass


def cpu_for(workers):
    """One worker is measured on one CPU, two on all. The last CPU is usually the one with fewer interrupts."""
    cpus = sorted(os.sched_getaffinity(0))
    return set(cpus[-1:]) if workers == 1 else set(cpus)


def execute(row, command, folder, seconds):
    arguments = [a.format(seconds=seconds) if "{seconds}" in a else a for a in command[1:]]
    environment = {k: v for k, v in os.environ.items() if not re.match(r"GO|TAUT_", k)}
    environment["GOMAXPROCS"] = str(row.workers)
    try:
        done = subprocess.run([folder / command[0], *arguments], env=environment, text=True, capture_output=True,
                              timeout=TIMEOUT_S, check=False,
                              preexec_fn=lambda: os.sched_setaffinity(0, cpu_for(row.workers)))
    except subprocess.TimeoutExpired:
        raise Failed(f"not done in {TIMEOUT_S} s") from None
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise Failed(f"exit status {done.returncode}: {words[0] if words else 'no output'}")
    return done.stdout


# ---- the machine --------------------------------------------------------------------------------

def busy_seconds():
    """CPU time that everything on the machine has used."""
    fields = [int(x) for x in open("/proc/stat", encoding="ascii").readline().split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, _steal = fields
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Foreign:
    """How much of a CPU other programs used meanwhile."""

    def __init__(self):
        self.at, self.busy, self.ours = time.monotonic(), busy_seconds(), children_seconds()

    def share(self):
        spent = (busy_seconds() - self.busy) - (children_seconds() - self.ours)
        return max(0.0, spent / (time.monotonic() - self.at))


def available_gib():
    text = pathlib.Path("/proc/meminfo").read_text(encoding="ascii")
    return int(re.search(r"MemAvailable:\s+(\d+)", text)[1]) / 2**20


def first_line(*command):
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    return done.stdout.strip().split("\n")[0] if done.returncode == 0 else "unknown"


def machine():
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    model = re.search(r"model name\s*:\s*(.*)", cpuinfo)
    release = re.search(r'^PRETTY_NAME="?(.*?)"?$', pathlib.Path("/etc/os-release").read_text(encoding="utf-8"), re.M)
    version = (ROOT / "include/taut/version.h").read_text(encoding="utf-8")
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "cpu": model[1] if model else platform.machine(),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "system": release[1] if release else "unknown",
        "max_map_count": int(pathlib.Path("/proc/sys/vm/max_map_count").read_text(encoding="ascii")),
        "compiler": first_line("g++", "--version"),
        "taut": ".".join(re.findall(r"define TAUT_VERSION_(?:MAJOR|MINOR|PATCH) +(\d+)", version)),
        "commit": first_line("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"),
    }


# ---- measuring ----------------------------------------------------------------------------------

def groups(chosen):
    """Rows that are read from the same run, together."""
    found = {}
    for row in chosen:
        found.setdefault(row.key, []).append(row)
    return list(found.values())


def measure(group, folder, repetitions, seconds):
    """The samples of each row of a group: {row name: {"taut": [...], "go": [...]}}, and other facts of our runs."""
    row = group[0]
    samples = {r.name: {"taut": [], "go": []} for r in group}
    facts, touched = {}, []
    for repetition in range(repetitions):
        sides = [("taut", row.ours, folder, rows.parse_ours), ("go", row.go, OUT, rows.parse_go)]
        # Neither is always the first.
        for side, command, where, parse in sides if repetition % 2 == 0 else reversed(sides):
            try:
                if row.touches:
                    touched.append(first_touch(row, folder))
                values = parse(row, execute(row, command, where, seconds))
            except (ValueError, KeyError) as e:
                raise Failed(f"{side}'s output makes no sense: {e}") from e
            except Failed as e:
                raise Failed(f"{side}: {e}") from e
            for r in group:
                samples[r.name][side].append(values[r.field])
            if side == "taut":
                facts = {k: v for k, v in values.items() if k in ("maps", "guarded", "unguarded", "guards_unknown")}
    if touched:
        facts["touch_ns"] = (min(touched), max(touched))
    return samples, facts


def first_touch(row, folder):
    """Touches as many pages as the row will, and frees them: a virtual machine's memory may be the host's until it is
    first touched, and whoever came first would pay for that. Returns what a page cost."""
    return json.loads(execute(row, ("taut_parked", "touch", str(row.touches), "1"), folder, 0))["touch_ns"]


def judge(row, samples):
    """The row's numbers, and whether they reach what is wanted.

    ok      the medians reach it
    unsure  they do not, but some repetition did: noise decides
    short   no repetition did
    """
    ours, go = samples["taut"], samples["go"]
    median = {side: statistics.median(values) for side, values in samples.items()}
    ratio = median["go"] / median["taut"] if median["taut"] > 0 else None
    best = max((g / o for o, g in zip(ours, go) if o > 0), default=0)
    checks = []
    if row.wanted is not None and ratio is not None:
        checks.append((ratio >= row.wanted, best >= row.wanted))
    if row.limit is not None:
        checks.append((median["taut"] <= row.limit, min(ours) <= row.limit))
    verdict = ("" if not checks else "ok" if all(reached for reached, _ in checks)
               else "unsure" if all(some for _, some in checks) else "short")
    return {"row": row.name, "what": row.what, "unit": row.unit, "workers": row.workers, "taut": median["taut"],
            "go": median["go"], "ratio": ratio, "wanted": row.wanted, "limit": row.limit, "asked": row.asked,
            "verdict": verdict, "samples": samples}


def judge_guards(results, facts, map_limit):
    """A million stacks without guards would be a cheat, and one mapping for each would not fit."""
    if facts.get("unguarded") and not facts.get("guards_unknown"):
        results["verdict"] = "short"
    if facts.get("maps", 0) > map_limit:
        results["verdict"] = "short"
    results["facts"] = facts


# ---- showing ------------------------------------------------------------------------------------

def list_rows(chosen):
    width = max(len(r.name) for r in chosen)
    for r in chosen:
        print(f"{r.name:{width}}  {r.what} [{r.unit}]")


def number(x):
    return f"{x:.2f}" if abs(x) < 10 else f"{x:.1f}" if abs(x) < 100 else f"{x:,.0f}"


def wanted_words(result):
    words = []
    if result["wanted"] is not None:
        words.append(f">= {result['wanted']:.1f}x")
    if result["limit"] is not None:
        words.append(f"<= {number(result['limit'])}")
    return ", ".join(words) + ("*" if result["asked"] and words else "")


def table(results):
    heads = ("row", "unit", "taut", "min-max", "Go", "min-max", "Go/taut", "wanted", "", "others")
    lines = [heads]
    for r in results:
        if "error" in r:
            lines.append((r["row"], "", "", "", "", "", "", "", "FAILED: " + r["error"], ""))
            continue
        span = {s: f"{number(min(v))}-{number(max(v))}" for s, v in r["samples"].items()}
        lines.append((r["row"], r["unit"], number(r["taut"]), span["taut"], number(r["go"]), span["go"],
                      f"{r['ratio']:.2f}x" if r["ratio"] else "-", wanted_words(r), r["verdict"],
                      f"{r['others']:.2f}"))
    print_aligned(lines, left={0, 1, 7, 8})


def print_aligned(lines, left):
    """Columns as wide as their widest cell; a row that FAILED says so over their borders."""
    widths = [max((len(line[i]) for line in lines if not line[i].startswith("FAILED")), default=0)
              for i in range(len(lines[0]))]
    for line in lines:
        cells = (c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths)))
        print("  ".join(cells).rstrip())


def summary(results, facts, out):
    count = lambda v: sum(r.get("verdict") == v for r in results)
    failed = sum("error" in r for r in results)
    print("\n* a goal of the project; elsewhere the goal is not to be slower than Go. unsure: some repetitions reach it."
          "\nothers: CPUs that other programs used meanwhile; above 0.2 do not trust the row.")
    if facts:
        unsure = " (this kernel does not show guard regions)" if facts.get("guards_unknown") else ""
        print(f"1,000,000 parked: {facts['guarded']:,} stacks guarded, {facts['unguarded']:,} not{unsure}; "
              f"{facts['maps']:,} mappings of {facts['limit']:,} allowed; a page's first touch before each run took "
              f"{facts['touch_ns'][0]:,.0f} to {facts['touch_ns'][1]:,.0f} ns")
    print(f"{len(results)} rows: {count('ok')} ok, {count('unsure')} unsure, {count('short')} short, "
          f"{failed} failed; {out}")
    return failed


def main():
    chosen = options()
    if chosen.list:
        list_rows(chosen.rows)
        return 0
    started = time.monotonic()
    go = find_go()
    folder = ours_at(chosen.build)
    OUT.mkdir(parents=True, exist_ok=True)
    print("building the Go programs", file=sys.stderr, flush=True)
    build_go(go)
    facts = machine() | {"go": first_line(go, "version")}
    print(f"{facts['cpu']}, {facts['cpus']} CPUs, Linux {facts['kernel']}, {facts['system']}; {facts['go']}; "
          f"taut {facts['taut']} ({facts['commit']})")

    results, guards = {}, {}
    together = groups(chosen.rows)
    for at, group in enumerate(together, 1):
        row = group[0]
        names = row.name + "".join(", " + r.name for r in group[1:])
        print(f"[{at}/{len(together)}] {time.monotonic() - started:4.0f} s  {names}", file=sys.stderr, flush=True)
        others = Foreign()
        try:
            if row.memory_gib > available_gib():
                raise Failed(f"needs {row.memory_gib:.0f} GiB of memory, {available_gib():.1f} are free")
            repetitions = chosen.repeat or (1 if chosen.quick and row.heavy else 2 if chosen.quick
                                            else 3 if row.heavy else 5)
            samples, seen = measure(group, folder, repetitions, 0.05 if chosen.quick else 0.15)
        except Failed as e:
            results |= {r.name: {"row": r.name, "what": r.what, "error": str(e)} for r in group}
            continue
        share = others.share()
        for r in group:
            results[r.name] = judge(r, samples[r.name]) | {"others": share}
            if seen:
                judge_guards(results[r.name], seen, facts["max_map_count"])
                if r.name.startswith("parked_1M"):
                    guards = seen | {"limit": facts["max_map_count"]}

    ordered = [results[r.name] for r in chosen.rows]
    chosen.json.write_text(json.dumps({"machine": facts, "quick": chosen.quick, "seconds":
                                       round(time.monotonic() - started, 1), "rows": ordered}, indent=1) + "\n",
                           encoding="utf-8")
    print()
    table(ordered)
    return 1 if summary(ordered, guards, chosen.json) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
