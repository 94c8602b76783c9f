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


def is_in(group: dict, file: str) -> bool:
    """Whether the goroutines wait in the file or were started there."""
    return file in {pathlib.PurePath(group[p]["file"]).name for p in ("blocked", "created")}


def judge(report: dict) -> dict:
    """Puts each group of goroutines under the seeded leak that it shows, the others under false.

    A seeded leak is found when goroutines of its file are stuck for the seeded cause.
    """
    found, used = [], set()
    for seed in seeds():
        here = [i for i, group in enumerate(report["leaks"]) if is_in(group, seed["file"])]
        # One knot may hold several goroutines, each for a cause of its own: the seeded one first.
        groups = [report["leaks"][i] for i in here]
        groups.sort(key=lambda g: g["cause"] not in seed["cause"])
        if groups and groups[0]["cause"] in seed["cause"]:
            used.update(here)
        else:
            groups = []
        found.append({**seed, "goroutines": sum(g["count"] for g in groups), "groups": groups})
    return {"seeds": found, "found": sum(bool(s["groups"]) for s in found),
            "false": [g for i, g in enumerate(report["leaks"]) if i not in used]}
