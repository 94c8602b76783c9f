#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds and runs one program with nothing but what pkg-config says about the installed taut.

usage: pkg_config.py COMPILER LIBDIR SOURCE PROGRAM [PACKAGE]
"""
import os
import shlex
import subprocess
import sys


def main():
    compiler, libdir, source, program, *package = sys.argv[1:]
    environment = {**os.environ, "PKG_CONFIG_PATH": f"{libdir}/pkgconfig", "LD_LIBRARY_PATH": libdir}
    try:
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", *(package or ["taut"])], env=environment,
                               check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        sys.exit("pkg-config is missing: apt-get install pkg-config")
    except subprocess.CalledProcessError as error:
        sys.exit(error.stderr)
    subprocess.run([compiler, "-std=c++20", source, "-o", program, *shlex.split(flags)], check=True)
    sys.exit(subprocess.run([program], env=environment).returncode)


if __name__ == "__main__":
    main()
