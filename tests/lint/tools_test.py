#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that the tools of ./dev lint reject what they are for, with this repository's settings.

usage: tools_test.py [unittest arguments]
"""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
COMPILE = ["-std=c++20", "-DTAUT_CHECKS=1", f"-I{ROOT}/include", f"-I{ROOT}/src"]

# Source and the check that must reject it.
TIDY = [
    ("struct FooBar {};\n", "readability-identifier-naming"),
    ("class a {\n  int b;\n};\n", "readability-identifier-naming"),
    ("template <class elem>\nint f(elem);\n", "readability-identifier-naming"),
    ("int f(const int a);\n", "readability-avoid-const-params-in-decls"),
    ("int f(double d) { return (int&)d; }\n", "cppcoreguidelines-pro-type-cstyle-cast"),
    ("#include <string>\n#include <utility>\n"
     "int f(std::string s) {\n  std::string t = std::move(s);\n  return static_cast<int>(s.size());\n}\n",
     "bugprone-use-after-move"),
    ("#include <cstring>\nconst char* f() { return std::strerror(1); }\n", "concurrency-mt-unsafe"),
]
LOCKED = SPDX + """
#include "base/lock.h"
using namespace taut::rt;
struct counter {
  lock guard{static_cast<rank>(0)};
  int n TAUT_GUARDED_BY(guard) = 0;
  int next() {
    %s
    return ++n;
  }
};
int use(counter& c) { return c.next(); }
"""


class Tools(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.tree = pathlib.Path(holder.name)
        for name in (".clang-tidy", ".clang-format"):
            shutil.copy(ROOT / name, self.tree)

    def run_on(self, text, *command, after=()):
        file = self.tree / "a.cc"
        file.write_text(text)
        return subprocess.run([*command, file, *after], capture_output=True, text=True)

    def test_clang_tidy(self):
        tidy = ["clang-tidy-19", "--quiet"]
        self.assertEqual(0, self.run_on("int f();\n", *tidy, after=["--", *COMPILE]).returncode)
        for text, check in TIDY:
            with self.subTest(check=check, text=text):
                run = self.run_on(text, *tidy, after=["--", *COMPILE])
                self.assertNotEqual(0, run.returncode)
                self.assertIn(check, run.stdout)

    def test_thread_safety(self):
        clang = ["clang++-19", *COMPILE, "-fsyntax-only", "-Wthread-safety", "-Werror"]
        run = self.run_on(LOCKED % "hold held(guard);", *clang)
        self.assertEqual(0, run.returncode, run.stderr)
        run = self.run_on(LOCKED % "", *clang)
        self.assertNotEqual(0, run.returncode)
        self.assertIn("thread-safety", run.stderr)

    def test_clang_format(self):
        command = ["clang-format-19", "--dry-run", "-Werror"]
        self.assertEqual(0, self.run_on("int f() { return 1; }\n", *command).returncode)
        self.assertNotEqual(0, self.run_on("int f()\n{ return  1; }\n", *command).returncode)

    def test_codespell(self):
        command = ["codespell", "--ignore-words", ROOT / ".codespell-ignore"]
        self.assertEqual(0, self.run_on("// received\n", *command).returncode)
        self.assertNotEqual(0, self.run_on("// rec" + "ieved\n", *command).returncode)


if __name__ == "__main__":
    unittest.main()
