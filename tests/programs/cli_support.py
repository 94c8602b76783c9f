# SPDX-License-Identifier: Apache-2.0
"""Runs the taut command and says what it printed; finds and builds Go programs."""
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TAUT = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
BUILD = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None


def taut(*arguments, stdin=b"", cwd=None, timeout=120, **environment):
    """(exit code, standard output, standard error) of one run."""
    run = subprocess.run([str(TAUT), *map(str, arguments)], input=stdin, capture_output=True,
                         cwd=cwd, timeout=timeout, env={**os.environ, **environment}, check=False)
    return run.returncode, run.stdout.decode(), run.stderr.decode()


def go_program(name, experiment=""):
    """Builds tests/programs/go/NAME, once; None where this Go does not know the experiment."""
    go = shutil.which("go")
    source = HERE / "go" / name / "main.go"
    BUILD.mkdir(parents=True, exist_ok=True)
    binary = BUILD / (name + (experiment and "_" + experiment))
    environment = {**os.environ, "GO111MODULE": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "",
                   "GOEXPERIMENT": experiment}
    environment.setdefault("GOCACHE", str(BUILD / "cache"))
    version = subprocess.run([go, "version"], capture_output=True, env=environment, check=False)
    if version.returncode != 0:
        return None  # the experiment is unknown
    with open(BUILD / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = binary.with_suffix(".version")
        built_by = stamp.read_bytes() if stamp.exists() else b""
        if (not binary.exists() or built_by != version.stdout
                or binary.stat().st_mtime < source.stat().st_mtime):
            run = subprocess.run([go, "build", "-trimpath", "-o", str(binary), source.name],
                                 cwd=source.parent, capture_output=True, env=environment, check=False)
            if run.returncode != 0:
                if experiment and b"GOEXPERIMENT" in run.stderr:
                    return None
                raise RuntimeError(run.stderr.decode())
            stamp.write_bytes(version.stdout)
    return binary
