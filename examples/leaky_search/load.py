# SPDX-License-Identifier: Apache-2.0
"""Puts a server under load with wrk, and watches it meanwhile."""
import json
import pathlib
import shutil
import subprocess
import time

from twin import Failed, Twin

CONNECTIONS = 32


def find_wrk() -> str:
    wrk = shutil.which("wrk")
    if wrk is None:
        raise Failed("wrk, which makes the load, is not installed; install it with: apt-get install wrk")
    return wrk


def drive(twin: Twin, seconds: int, watch) -> dict:
    """Runs wrk; calls watch(seconds so far, stats, requests a second, more goroutines a second) twice a second."""
    command = [find_wrk(), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s",
               pathlib.Path(__file__).with_name("load.lua"), twin.url]
    wrk = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           process_group=0)
    try:
        begun = time.monotonic()
        before, at = twin.stats(), begun
        busy = before
        while wrk.poll() is None:
            time.sleep(0.5)
            if twin.process.poll() is not None:
                raise Failed(f"{twin.name} ended under load: {twin.last_words()}")
            now, clock = twin.stats(), time.monotonic()
            passed = clock - at
            watch(clock - begun, now, (now["requests"] - before["requests"]) / passed,
                  (now["goroutines"] - before["goroutines"]) / passed)
            before, at = now, clock
            if wrk.poll() is None:
                busy = now
        text = wrk.stdout.read()
    finally:
        if wrk.poll() is None:
            wrk.kill()
        wrk.wait()
        wrk.stdout.close()
    line = next((l for l in text.splitlines() if l.startswith("JSON ")), None)
    if line is None:
        raise Failed(f"wrk ended without results (exit status {wrk.returncode}): {text.strip()[-300:]}")
    result = json.loads(line[5:])
    if result["requests"] == 0:
        raise Failed(f"{twin.name} answered nothing in {seconds} s: {twin.last_words()}")
    result["requests_per_second"] = round(result["requests"] / result["seconds"])
    result["goroutines"] = busy["goroutines"]
    return result
