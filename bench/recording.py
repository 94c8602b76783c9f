#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What always-on recording costs: each row of the comparison with Go, run by the release and by a build without recording.

Two builds that run one after the other meet the same machine, so each pair gives one ratio, and the median of the ratios
is the row's cost. Rows take turns, pair after pair, so that a bad minute does not fall on one row. In each turn both
programs are linked anew, in another order and with their functions shifted (layouts.py), so that the luck of where code
lies does not count as a cost; each runs a few times, and its least counts: whatever else ran can only have added to it. Where the clock is too noisy to tell, the
instructions of the hot paths are not: they are counted for both builds too (instructions.py).

usage: recording.py [--rows REGEX] [--pairs N] [--least-of N] [--seconds S] [--minutes M] [--json FILE] [--no-times]
                    [--no-counts] [--one-link] [--build DIR] [--without DIR] [--save] [--list]
"""
import json
import math
import os
import pathlib
import re
import shutil
import statistics
import sys
import time

import instructions
import layouts
import rows
import run

PAGE = run.ROOT / "docs/reference/recording.md"
ALLOWED = 0.03     # the goal: recording costs at most so much on every row
HEAVY_EVERY = 3    # rows that take seconds: one pair of so many, each side once
LEAST_PAIRS = 3    # with fewer nothing is said
# What must be the same in both builds for their difference to be recording.
SAME = ("CMAKE_BUILD_TYPE", "CMAKE_CXX_COMPILER", "CMAKE_CXX_FLAGS", "CMAKE_CXX_FLAGS_RELWITHDEBINFO", "TAUT_DEBUG",
        "TAUT_CHECKS", "TAUT_SANITIZE", "BUILD_SHARED_LIBS")


def options():
    parser = run.Parser(description=__doc__.split("\n", 1)[0], allow_abbrev=False)
    parser.add_argument("--rows", metavar="REGEX", default="", help="only rows whose name it is found in")
    parser.add_argument("--pairs", metavar="N", type=int, default=41,
                        help=f"turns, a pair of each row in each (41); rows that take seconds: in one of {HEAVY_EVERY}")
    parser.add_argument("--least-of", metavar="N", type=int, default=4,
                        help="times that each side runs in a turn; the least counts (4)")
    parser.add_argument("--seconds", metavar="S", type=float, default=0.05, help="how long a sample runs (0.05)")
    parser.add_argument("--minutes", metavar="M", type=float, default=0,
                        help="begin no further turn after so long, once each row has a few pairs (0: all turns)")
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path, default=run.OUT / "recording.json",
                        help="where the results go (build/bench/recording.json)")
    parser.add_argument("--build", metavar="DIR", type=pathlib.Path, default=run.ROOT / "build/release",
                        help="the build with recording (build/release)")
    parser.add_argument("--without", metavar="DIR", type=pathlib.Path, default=run.ROOT / "build/unrecorded",
                        help="the build without it (build/unrecorded)")
    parser.add_argument("--no-times", action="store_true", help="count instructions only")
    parser.add_argument("--no-counts", action="store_true", help="measure times only: needs no valgrind")
    parser.add_argument("--one-link", action="store_true",
                        help="measure the programs as they are, not linked anew for each turn, with their code elsewhere")
    parser.add_argument("--save", action="store_true", help=f"put the figures into {PAGE.relative_to(run.ROOT)}")
    parser.add_argument("--list", action="store_true", help="print the rows and what they measure, run nothing")
    chosen = parser.parse_args()
    if chosen.least_of < 1:
        run.fail(f"--least-of takes a number from 1 up, not {chosen.least_of}")
    if chosen.pairs < LEAST_PAIRS:
        run.fail(f"--pairs takes a number from {LEAST_PAIRS} up, not {chosen.pairs}")
    if not 0.001 <= chosen.seconds <= 60:
        run.fail(f"--seconds takes a number from 0.001 to 60, not {chosen.seconds:g}")
    if chosen.no_times and chosen.no_counts:
        run.fail("--no-times and --no-counts together leave nothing to do")
    if chosen.save and (chosen.rows or chosen.no_times or chosen.no_counts or chosen.one_link):
        run.fail("--save wants all figures: leave --rows, --no-times, --no-counts and --one-link out")
    if not chosen.no_counts and not shutil.which("valgrind"):
        run.fail("valgrind is not on PATH; install Debian's valgrind, or leave the counts out by --no-counts")
    chosen.rows = run.rows_named(chosen.rows)
    run.check_writable(chosen.json)
    return chosen


def cache_of(build):
    """A build's settings."""
    file = build / "CMakeCache.txt"
    if not file.exists():
        run.fail(f"{build} is no build of CMake's; ./dev bench --recording makes both")
    return dict(re.findall(r"^(\w+):\w+=(.*)$", file.read_text(encoding="utf-8"), re.M))


def check_builds(build, without):
    """Neither may be the other kind, and nothing else may differ."""
    a, b = cache_of(build), cache_of(without)
    if a.get("TAUT_RECORDING", "ON") != "ON":
        run.fail(f"{build} is built without recording; it is to be the one with it")
    if b.get("TAUT_RECORDING") != "OFF":
        run.fail(f"{without} is built with recording; the preset `unrecorded` leaves it out")
    for name in SAME:
        one, other = a.get(name, ""), b.get(name, "")
        if name == "CMAKE_CXX_COMPILER":  # a name, or found by it
            one, other = (os.path.realpath(shutil.which(c) or c) for c in (one, other))
        if one != other:
            run.fail(f"{name} is '{one}' in {build} and '{other}' in {without}: their difference would not be recording")


# ---- measuring ----------------------------------------------------------------------------------

def field_of(row):
    """With one worker the CPU time is the time, and other programs do not lengthen it."""
    return "cpu" if row.workers == 1 and not row.field else row.field


class Group:
    """Rows that are read from the same run, and their pairs so far: {row name: [(with, without), ...]}."""

    def __init__(self, members):
        self.rows = members
        self.row = members[0]
        self.pairs = {r.name: [] for r in members}
        self.error = ""
        self.others = []

    def add_pair(self, folders, seconds, least_of):
        others = run.Foreign()
        values = {"with": [], "without": []}
        for again in range(least_of):
            # Neither is always the first.
            for side in ("with", "without") if (len(self.others) + again) % 2 == 0 else ("without", "with"):
                try:
                    if self.row.touches:
                        run.first_touch(self.row, folders[side])
                    out = run.execute(self.row, self.row.ours, folders[side], seconds)
                    values[side].append(rows.parse_ours(self.row, out))
                except (ValueError, KeyError) as e:
                    raise run.Failed(f"output {side} recording makes no sense: {e}") from e
                except run.Failed as e:
                    raise run.Failed(f"{side} recording: {e}") from e
        for r in self.rows:
            field = field_of(r)
            self.pairs[r.name].append(tuple(min(v[field] for v in values[side]) for side in ("with", "without")))
        self.others.append(others.share())


class Relinked:
    """Folders of the programs of both builds, linked anew for each turn: the same order and shifts, of other objects."""

    def __init__(self, chosen):
        programs = sorted({r.ours[0] for r in chosen.rows})
        self.linkers, self.placers, self.folders = {}, {}, {}
        for side, build in (("with", chosen.build), ("without", chosen.without)):
            self.folders[side] = run.OUT / "layouts" / side
            self.linkers[side] = [layouts.Linker(build, p) for p in programs]
            self.placers[side] = layouts.Placer(build, self.folders[side] / "objects")
            print(f"[0/{chosen.pairs}] compiling {build}, to place its functions", file=sys.stderr, flush=True)
            for linker in self.linkers[side]:
                self.placers[side].compile(linker.objects)

    def link(self, turn):
        for side, linkers in self.linkers.items():
            placed = self.placers[side].place(turn)
            for linker in linkers:
                linker.link(turn, self.folders[side], placed)


def measure_times(chosen, folders):
    relinked = None
    if not chosen.one_link:
        try:
            relinked = Relinked(chosen)
        except layouts.Failed as e:
            run.fail(f"{e}; or --one-link")
        folders = relinked.folders
    groups = [Group(g) for g in run.groups(chosen.rows)]
    started = time.monotonic()
    for group in groups:
        if group.row.memory_gib > run.available_gib():
            group.error = f"needs {group.row.memory_gib:.0f} GiB of memory, {run.available_gib():.1f} are free"
    heavy_every = HEAVY_EVERY if chosen.pairs >= LEAST_PAIRS * HEAVY_EVERY else 1
    for turn in range(chosen.pairs):
        spent = time.monotonic() - started
        if chosen.minutes and spent > chosen.minutes * 60 and turn >= LEAST_PAIRS * heavy_every:
            break
        print(f"[{turn + 1}/{chosen.pairs}] {spent:4.0f} s", file=sys.stderr, flush=True)
        if relinked:
            try:
                relinked.link(turn)
            except layouts.Failed as e:
                run.fail(f"{e}; or --one-link")
        for group in groups:
            if group.error or (group.row.heavy and turn % heavy_every != 0):
                continue
            try:
                group.add_pair(folders, chosen.seconds, 1 if group.row.heavy else chosen.least_of)
            except run.Failed as e:
                group.error = str(e)
    judged = {r.name: judge(r, group) for group in groups for r in group.rows}
    return [judged[r.name] for r in chosen.rows]


def interval_of_median(sorted_values):
    """The values between which the true median lies with 95 %, whatever the distribution; all of them when they are few."""
    n = len(sorted_values)
    below, k = 0.0, 0
    while k < n // 2:
        below += math.comb(n, k) / 2**n
        if below > 0.025:
            break
        k += 1
    return sorted_values[max(k - 1, 0)], sorted_values[min(n - k, n - 1)]


def judge(row, group):
    """The row's cost: the median of the pairs' ratios, less one.

    ok      with 95 % the cost is not above what is allowed
    unsure  the noise leaves that open
    short   with 95 % it is above
    Memory is no question: both builds have the same fields.
    """
    unit = row.unit + (" CPU" if field_of(row) == "cpu" else "")
    about = {"row": row.name, "what": row.what, "unit": unit, "workers": row.workers}
    if group.error:
        return about | {"error": group.error}
    pairs = group.pairs[row.name]
    ratios = sorted(a / b - 1 for a, b in pairs if b > 0)
    if len(ratios) < LEAST_PAIRS:
        return about | {"error": f"{len(ratios)} pairs are too few"}
    quartiles = statistics.quantiles(ratios, n=4, method="inclusive")
    low, high = interval_of_median(ratios)
    verdict = "ok" if high <= ALLOWED else "short" if low > ALLOWED else "unsure"
    return about | {
        "with": statistics.median(a for a, _ in pairs), "without": statistics.median(b for _, b in pairs),
        "cost": quartiles[1], "quartiles": (quartiles[0], quartiles[2]), "interval": (low, high),
        "span": (ratios[0], ratios[-1]), "pairs": len(ratios), "allowed": ALLOWED,
        "verdict": "same fields" if row.field == "bytes" else verdict,
        "others": statistics.median(group.others), "samples": pairs}


def measure_counts(folders):
    """Instructions of each hot path in both builds."""
    counted = {}
    for side, folder in folders.items():
        print(f"instructions {side} recording", file=sys.stderr, flush=True)
        counted[side] = instructions.measure(folder / "taut_operations", False)
    return [{"operation": name, "what": what, "with": a, "without": b, "cost": a / b - 1}
            for name, _, _, what in instructions.OPERATIONS
            for a, b in [(counted[side][name]["instructions"] for side in ("with", "without"))]]


# ---- showing ------------------------------------------------------------------------------------

def percent(x):
    return f"{100 * x:+.1f} %"


def between(pair):
    return f"{100 * pair[0]:+.1f} to {100 * pair[1]:+.1f}"


def time_cells(r):
    return (r["row"], r["unit"], run.number(r["with"]), run.number(r["without"]), percent(r["cost"]),
            between(r["quartiles"]), between(r["interval"]), str(r["pairs"]), r["verdict"])


def count_cells(c):
    return (c["operation"], f"{c['with']:.0f}", f"{c['without']:.0f}", f"{c['with'] - c['without']:+.0f}",
            percent(c["cost"]))


TIME_HEADS = ("row", "unit", "with", "without", "cost", "quartiles", "median, 95 %", "pairs", "")
COUNT_HEADS = ("instructions", "with", "without", "more", "cost")


def show(times, counts):
    if times:
        lines = [(*TIME_HEADS, "others")]
        for r in times:
            lines.append((r["row"], *[""] * 7, "FAILED: " + r["error"], "") if "error" in r
                         else (*time_cells(r), f"{r['others']:.2f}"))
        print()
        run.print_aligned(lines, left={0, 1, 8})
        print(f"\ncost: the median of the pairs' ratios, less one; allowed: {percent(ALLOWED)}. unsure: the pairs disagree too "
              "much to tell.\nothers: CPUs that other programs used meanwhile; above 0.2 do not trust the row.")
    if counts:
        print()
        run.print_aligned([COUNT_HEADS, *map(count_cells, counts)], left={0})


def markdown_table(heads, lines, left):
    yield "| " + " | ".join(heads) + " |"
    yield "| " + " | ".join("---" if i in left else "---:" for i in range(len(heads))) + " |"
    for line in lines:
        yield "| " + " | ".join(line) + " |"


def markdown(facts, times, counts):
    load = ", ".join(f"{x:.1f}" for x in facts["load"])
    wrong = [r["row"] for r in times if "error" in r]
    return "\n".join([
        f"{facts['cpus']} CPUs of {facts['cpu']}, Linux {facts['kernel']}, {facts['compiler']}, commit {facts['commit']}, "
        f"{facts['date'][:10]}; load of the machine before the run (1, 5 and 15 minutes): {load}."
        + (f" Failed: {', '.join(wrong)}." if wrong else ""),
        "",
        *markdown_table(TIME_HEADS, [time_cells(r) for r in times if "error" not in r], {0, 1, 8}),
        "",
        *markdown_table(COUNT_HEADS, map(count_cells, counts), {0})])


def save(facts, times, counts):
    text = PAGE.read_text(encoding="utf-8")
    marks = r"(<!-- recording.py: begin -->\n).*?(<!-- recording.py: end -->)"
    changed, found = re.subn(marks, lambda m: m[1] + markdown(facts, times, counts) + "\n" + m[2], text, flags=re.S)
    if not found:
        run.fail(f"{PAGE} has no place for the figures")
    PAGE.write_text(changed, encoding="utf-8")


def main():
    chosen = options()
    if chosen.list:
        run.list_rows(chosen.rows)
        return 0
    check_builds(chosen.build, chosen.without)
    folders = {"with": run.ours_at(chosen.build), "without": run.ours_at(chosen.without)}
    for folder in folders.values():
        if not chosen.no_counts and not (folder / "taut_operations").exists():
            run.fail(f"{folder / 'taut_operations'} is missing; ./dev bench --recording builds it")
    run.OUT.mkdir(parents=True, exist_ok=True)
    facts = run.machine() | {"load": os.getloadavg()}
    print(f"{facts['cpu']}, {facts['cpus']} CPUs, Linux {facts['kernel']}, {facts['system']}; "
          f"taut {facts['taut']} ({facts['commit']}); load {facts['load'][0]:.1f}")
    times = [] if chosen.no_times else measure_times(chosen, folders)
    counts = [] if chosen.no_counts else measure_counts(folders)
    chosen.json.write_text(json.dumps({"machine": facts, "load_after": os.getloadavg(), "seconds": chosen.seconds,
                                       "allowed": ALLOWED, "rows": times, "instructions": counts}, indent=1) + "\n",
                           encoding="utf-8")
    show(times, counts)
    if chosen.save:
        save(facts, times, counts)
    total = {v: sum(r.get("verdict") == v for r in times) for v in ("ok", "unsure", "short", "same fields")}
    failed = sum("error" in r for r in times)
    print(f"{len(times)} rows: {total['ok']} ok, {total['unsure']} unsure, {total['short']} short, "
          f"{total['same fields']} of memory, {failed} failed; {chosen.json}")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
