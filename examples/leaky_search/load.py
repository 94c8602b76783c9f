# SPDX-License-Identifier: Apache-2.0
"""Puts a server under load with wrk, and watches it meanwhile."""
import json
import pathlib
import shutil
import subprocess
import time

from twin import Failed, Twin

CONNECTIONS = 32
WRK = shutil.which("wrk")


def need_wrk() -> None:
    if WRK is None:
        raise Failed("wrk, which makes the load, is not installed: apt-get install wrk")


def drive(twin: Twin, seconds: int, watch) -> dict:
    """Runs wrk; calls watch(seconds, stats, requests/s, new goroutines/s) meanwhile."""
    command = [WRK, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s",
               pathlib.Path(__file__).with_name("load.lua"), twin.url]
    wrk = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           process_group=0)
    try:
        begun = time.monotonic()
        busy, at, first = twin.stats(), begun, None
        while wrk.poll() is None:
            time.sleep(0.5)
            if twin.process.poll() is not None:
                raise Failed(f"{twin.name} ended under load: {twin.last_words()}")
            now, clock = twin.stats(), time.monotonic()
            if wrk.poll() is not None:
                break
            # The goroutines of the connections came with the load: growth is counted from here.
            first = first or (now["goroutines"], clock)
            age = clock - first[1]
            watch(clock - begun, now, (now["requests"] - busy["requests"]) / (clock - at),
                  (now["goroutines"] - first[0]) / age if age else None)
            busy, at = now, clock
        text = wrk.stdout.read()
    finally:
        if wrk.poll() is None:
            wrk.kill()
        wrk.wait()
        wrk.stdout.close()
    line = next((l for l in text.splitlines() if l.startswith("JSON ")), None)
    if line is None:
        raise Failed(f"wrk ended without results (exit status {wrk.returncode}): "
                     f"{text.strip()[-300:]}")
    result = json.loads(line[5:])
    if result["requests"] == 0:
        raise Failed(f"{twin.name} answered nothing in {seconds} s: {twin.last_words()}")
    result["requests_per_second"] = round(result["requests"] / result["seconds"])
    result["goroutines"] = busy["goroutines"]
    return result
