# SPDX-License-Identifier: Apache-2.0
"""What the demonstration prints."""
import pathlib
import shutil
import sys
import textwrap

from report import place

TERMINAL = sys.stdout.isatty()


def width() -> int:
    return max(60, min(100, shutil.get_terminal_size((100, 24)).columns))


def bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if TERMINAL else text


def number(n: float) -> str:
    return f"{n:,.0f}"


def megabytes(n: float) -> str:
    return f"{n / (1 << 20):,.1f} MB"


def live(seconds: float, stats: dict, rate: float, growth) -> None:
    """One line, rewritten in place on a terminal. `growth`: goroutines a second, if known yet."""
    grows = ""
    if growth is not None:
        grows = f", +{number(growth)}/s" if growth >= 25 else ", steady"
    line = (f"{seconds:6.1f} s {number(rate):>8} requests/s "
            f"{number(stats['requests']):>9} requests "
            f"{number(stats['goroutines']):>7} goroutines{grows}")
    if TERMINAL:
        print(f"\r{line[:width() - 1]}\033[K", end="", flush=True)
    else:
        print(line, flush=True)


def live_end() -> None:
    if TERMINAL:
        print()


def field(name: str, text: str) -> None:
    """A named line under a leak, wrapped under its own beginning."""
    if text:
        print(textwrap.fill(text, width(), initial_indent=f"     {name:<10}",
                            subsequent_indent=" " * 15, break_long_words=False,
                            break_on_hyphens=False))


def places(group: dict) -> list:
    """(name, place) of where it waits and of the other place, each once."""
    blocked, culprit = place(group["blocked"]), place(group["culprit"])
    named = [("blocked", group["blocked"], blocked)]
    if culprit and culprit != blocked:
        named.append(("because", group["culprit"], culprit))
    return [(name, f"{at}  {p['function']}" if p["function"] not in ("", "operator()") else at)
            for name, p, at in named]


def leak(position: int, seed: dict) -> None:
    """One seeded leak, however many groups of goroutines show it."""
    groups = seed["groups"]
    head = f"{position:>3}  {bold(seed['leak'])}"
    if not groups:
        print(f"{head}: NOT FOUND ({'/'.join(seed['cause'])} in leaky/{seed['file']})\n")
        return
    waits = " and ".join(sorted({g["waits_for"] for g in groups}))
    n = seed["goroutines"]
    print(f"{head}: {number(n)} goroutine{'' if n == 1 else 's'} in {waits}")
    said = set()

    def once(name: str, text: str) -> None:
        if text and (name, text) not in said:
            said.add((name, text))
            field(name, text)

    for g in groups:
        once(g["grade"], g["evidence"])
    said_causes = set()
    for g in groups:
        if g["cause"] not in said_causes:
            said_causes.add(g["cause"])
            once(f"cause {g['cause']}", g["explanation"])
    for g in groups:
        for name, where in places(g):
            once(name, where)
        once("object", g["object"])
    for g in groups:
        once("fix", g["fix"])
    print()


def stray(group: dict) -> None:
    print(f"  !  {bold('not seeded')}: "
          f"{number(group['count'])} goroutines in {group['waits_for']}")
    field(group["grade"], group["evidence"])
    field(f"cause {group['cause']}", group["explanation"])
    for name, where in places(group):
        field(name, where)
    print()


def comparison(runs: list) -> None:
    def row(name: str, cells: list) -> None:
        print(f"  {name:<28}" + "".join(f"{c:>22}" for c in cells))

    def each(name: str, cell) -> None:
        row(name, [cell(r) for r in runs])

    row("", [r["name"] for r in runs])
    each("requests/s", lambda r: number(r["load"]["requests_per_second"]))
    each("requests", lambda r: number(r["load"]["requests"]))
    each("latency p50, p99", lambda r: "{p50:.2f}, {p99:.2f} ms".format(**r["load"]["latency_ms"]))
    each("goroutines before", lambda r: number(r["before"]["goroutines"]))
    each("  under load, at its end", lambda r: number(r["load"]["goroutines"]))
    each("  after load", lambda r: number(r["after"]["goroutines"]))
    each("memory after load", lambda r: megabytes(r["memory"]))
    each("leaked: proved, suspected", lambda r: f"{number(r['report']['proved'])}, "
                                                f"{number(r['report']['suspected'])}")
    each("time to find them", lambda r: f"{r['report']['seconds'] * 1e3:,.0f} ms")
    if all("stop" in r for r in runs):
        each("left after SIGTERM", lambda r: number(r["stop"]["goroutines_left"]))
        each("exit status", lambda r: str(r["stop"]["status"]))
    print()


def keep_help(twin, program: pathlib.Path) -> None:
    print(f"{program.name} is still running (process {twin.process.pid}):\n"
          f"  curl {twin.url}/leaks         the report, as text\n"
          f"  curl '{twin.url}/leaks?json'  the same as data\n"
          f"  curl {twin.url}/stats\n"
          f"  kill {twin.process.pid}                                stops it\n")
