#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts a leaky HTTP service under load, shows what leaked and why, then its fixed twin.

Ends with status 0 only if every seeded leak was found, nothing else was reported, and the twin came
back clean.
"""
import argparse
import json
import pathlib
import signal
import socket
import sys

sys.dont_write_bytecode = True  # keeps the sources' folder as it is

import load  # noqa: E402
import report  # noqa: E402
import show  # noqa: E402
from twin import Failed, Twin  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build/release/examples/leaky_search"
SKIPPED = 77


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__.splitlines()[0])
    option = parser.add_argument
    option("--json", action="store_true", help="print one JSON document and nothing else")
    option("--keep", action="store_true", help="leave the leaky service running for a look")
    option("--seconds", type=int, default=10, help="how long to drive each service (default: 10)")
    option("--port", type=int, default=0, help="where to listen (default: any free port)")
    option("--build", type=pathlib.Path, default=BUILD, help="where the two programs are")
    option("--skip-without-wrk", action="store_true", help=argparse.SUPPRESS)  # for ctest
    wanted = parser.parse_args()
    if not 1 <= wanted.seconds <= 3600:
        parser.error(f"--seconds takes a number from 1 to 3600, not {wanted.seconds}")
    if not 0 <= wanted.port <= 65535:
        parser.error(f"--port takes a number up to 65535, not {wanted.port}")
    return wanted


def check_port(port: int) -> None:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError as e:
            raise Failed(f"port {port} cannot be used ({e.strerror}); "
                         "leave --port out to take a free one.") from e


def measure(twin: Twin, wanted: argparse.Namespace) -> dict:
    """Load, rest, and a look for leaks."""
    say = not wanted.json
    if say:
        print(f"{show.bold(twin.name)}  {twin.url}  "
              f"wrk: {load.CONNECTIONS} connections, {wanted.seconds} s")
    run = {"name": twin.name, "before": twin.settle(rest=0.3)}
    run["load"] = load.drive(twin, wanted.seconds, show.live if say else lambda *_: None)
    if say:
        show.live_end()
    run["after"] = twin.settle()
    run["memory"] = twin.memory()
    run["report"] = json.loads(twin.get("/leaks?json"))
    return run


def show_leaks(run: dict) -> None:
    judged, found = run["judged"], run["report"]
    stuck = found["proved"] + found["suspected"]
    print(f"\n{show.number(stuck)} goroutines are stuck for good: "
          f"{show.number(found['proved'])} proved, {show.number(found['suspected'])} suspected; "
          f"found in {found['seconds'] * 1e3:,.0f} ms"
          "\n(files: examples/leaky_search)\n")
    for position, seed in enumerate(judged["seeds"], 1):
        show.leak(position, seed)
    for group in judged["false"]:
        show.stray(group)


def demo(wanted: argparse.Namespace) -> int:
    load.need_wrk()
    if wanted.port:
        check_port(wanted.port)
    say = not wanted.json
    if say:
        print(f"An HTTP service with {len(report.seeds())} seeded leaks, "
              "then its fixed twin, under the same load.\n")

    program = wanted.build / "leaky_search"
    with Twin(program, wanted.port) as twin:
        leaky = measure(twin, wanted)
        leaky["judged"] = report.judge(leaky["report"])
        if say:
            show_leaks(leaky)
        if wanted.keep:
            leaky["kept"] = {"url": twin.url, "pid": twin.process.pid}
        else:
            leaky["stop"] = twin.stop()
        with Twin(wanted.build / "fixed_search", 0 if wanted.keep else wanted.port) as other:
            fixed = measure(other, wanted)
            fixed["stop"] = other.stop()
        twin.keep = wanted.keep

    seeds, judged = len(report.seeds()), leaky["judged"]
    false = len(judged["false"])
    strays = fixed["report"]["leaks"]
    clean = (not strays and fixed["stop"]["status"] == 0 and
             fixed["stop"]["goroutines_left"] == 0 and
             fixed["after"]["goroutines"] <= fixed["before"]["goroutines"])
    stopped = wanted.keep or leaky["stop"]["status"] == 0
    good = judged["found"] == seeds and false == 0 and clean and stopped
    if wanted.json:
        everything = {"seeded": seeds, "found": judged["found"], "false": false,
                      "twin_clean": clean, "ok": good, "leaky": leaky, "fixed": fixed}
        print(json.dumps(everything, indent=1))
        return 0 if good else 1

    print()
    for group in strays:
        show.stray(group)
    show.comparison([leaky, fixed])
    print(f"found {judged['found']} of {seeds} seeded leaks, {false or 'nothing'} false; "
          f"the fixed twin is {'clean' if clean else 'NOT clean'}")
    print("what was fixed: diff -r examples/leaky_search/leaky examples/leaky_search/fixed")
    if wanted.keep:
        print()
        show.keep_help(twin, program)
    return 0 if good else 1


def main() -> int:
    wanted = arguments()
    # Either ends the children on the way out, also where a shell started this with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return demo(wanted)
    except Failed as e:
        if not wanted.json:
            show.live_end()
        print(f"demo: {e}", file=sys.stderr)
        return SKIPPED if wanted.skip_without_wrk and load.WRK is None else 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; the services are stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stdout = None  # nothing more can be said
        return 1


if __name__ == "__main__":
    sys.exit(main())
