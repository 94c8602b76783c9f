# SPDX-License-Identifier: Apache-2.0
"""Compares the leaks that the service reports with those that were put into it."""
import json
import pathlib

HERE = pathlib.Path(__file__).parent


def seeds() -> list:
    return json.loads((HERE / "expected.json").read_text())


def place(p: dict) -> str:
    """file:line, from the folder the reader is likely in."""
    if not p or not p.get("file"):
        return ""
    file = p["file"]
    at = file.rfind("examples/leaky_search/")
    return f"{file[at:] if at >= 0 else file}:{p['line']}"


def matches(leak: dict, seed: dict) -> bool:
    """The cause must be the seeded one, and the place where it waits or was started in the seeded file."""
    files = {pathlib.PurePath(leak[p]["file"]).name for p in ("blocked", "created")}
    return leak["cause"] in seed["cause"] and seed["file"] in files


def judge(report: dict) -> dict:
    """Puts each group of goroutines under the seeded leak that it shows, and what is left under false."""
    found, used = [], set()
    for seed in seeds():
        groups = [g for i, g in enumerate(report["leaks"]) if matches(g, seed) and not used.add(i)]
        found.append({**seed, "goroutines": sum(g["count"] for g in groups), "groups": groups})
    return {"seeds": found, "found": sum(bool(s["groups"]) for s in found),
            "false": [g for i, g in enumerate(report["leaks"]) if i not in used]}
