#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that each lint rejects what it is for: a small clean tree passes, and each seed breaks one rule.

usage: lint_test.py [--cxx COMPILER] [unittest arguments]
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "lint"))
sys.path.insert(0, str(ROOT / "tools"))
import layers  # noqa: E402
import rules  # noqa: E402
import run_example  # noqa: E402

CXX = "g++"
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
CLEAN = {
    "src/layers.txt": "base arch sched sync chan time context io diag testing\n",
    "src/base/list.h": SPDX,
    "src/chan/core.cc": SPDX + '#include "base/list.h"\n#include <sys/types.h>\n',
    "src/sched/idle.cc": SPDX + "//   MO-1  publishes x. Pairs with MO-2.\n//   MO-2  reads x. Pairs with MO-1.\n"
                         "x.store(1, std::memory_order_release);  // MO-1\n"
                         "x.compare_exchange_strong(a, b, std::memory_order_acquire,\n"
                         "                          std::memory_order_relaxed);  // MO-2\n",
    "src/sched/current.cc": SPDX + "thread_local int me;\n",
    "include/taut/taut.h": SPDX + '#include "taut/chan.h"\n',
    "include/taut/chan.h": SPDX + '#include "taut/detail/core.h"\n',
    "include/taut/detail/core.h": SPDX,
    "tests/semantics/chan_test.cc": SPDX + "TEST_P(chan, CHAN_07_closed_never_blocks) {}\n",
    "examples/010_chan.cc": SPDX + '#include "taut/chan.h"\n',
    "docs/semantics.md": "# Rules\n\n**CHAN-07** A closed channel never blocks a receiver.\n",
    "docs/reference/chan.md": "# chan\n",
    "README.md": '# x\n\n```cpp\n#include "taut/chan.h"\n```\n[rules](docs/semantics.md#top)\n',
}
# rule or lint, file to change, text to put there, words the complaint must contain.
SEEDS = [
    ("layers", "src/sync/mutex.cc", SPDX + '#include "chan/core.h"\n', "sync/ may not include chan/"),
    ("layers", "src/stray.cc", SPDX, "belongs to a folder"),
    ("layers", "src/odd/x.cc", SPDX, "belongs to a folder"),
    ("layers", "include/taut/chan.h", SPDX + '#include "base/list.h"\n', "may not include src/"),
    ("layers", "include/taut/detail/core.h", SPDX + '#include "taut/chan.h"\n', "only detail/"),
    ("layers", "examples/010_chan.cc", SPDX + '#include "base/list.h"\n', "public headers only"),
    ("memory_order", "src/base/a.cc", SPDX + "x.load(std::memory_order_relaxed);\n", "without an MO-"),
    ("memory_order", "src/base/a.cc", SPDX + "x.load(std::memory_order_relaxed);  // MO-9\n", "not described"),
    ("memory_order", "src/base/a.cc", SPDX + "//   MO-3  pairs with nothing.\n", "never used"),
    ("thread_local", "src/base/a.cc", SPDX + "static thread_local int x;\n", "thread_local outside"),
    ("length", "src/base/a.cc", SPDX + "\n" * 700, "701 lines"),
    ("license_line", "src/base/a.cc", "int x;\n", "first line must say"),
    ("umbrella", "include/taut/extra.h", SPDX, "does not include taut/extra.h"),
    ("semantics", "docs/semantics.md", "**CHAN-07** a\n**CHAN-08** b\n", "CHAN-08 has no test"),
    ("semantics", "docs/semantics.md", "**CHAN-06** a\n", "CHAN-07 is not a rule"),
    ("semantics", "docs/semantics.md", "**CHAN-07** a\n**CHAN-07** b\n", "defined twice"),
    ("stems", "docs/reference/chan.md", None, "chan has no reference page"),
    ("stems", "tests/semantics/chan_test.cc", None, "chan has no test"),
    ("pages_compile", "README.md", "```cpp\nint typed_by_hand;\n```\n", "nothing compiles it"),
    ("links", "README.md", "[a](docs/gone.md)\n", "does not exist"),
    ("machine_paths", "docs/semantics.md", "**CHAN-07** see /" + "work/x\n", "path of one machine"),
]


def complaints(lint, tree):
    if lint == "layers":
        return [what for _, _, what in layers.check(tree)]
    return [what for _, _, what in getattr(rules, lint)(tree)]


class Scratch(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.tree = pathlib.Path(holder.name)

    def write(self, name, text):
        file = self.tree / name
        if text is None:
            file.unlink()
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


class Rules(Scratch):
    def setUp(self):
        super().setUp()
        for name, text in CLEAN.items():
            self.write(name, text)

    def test_clean_tree_passes(self):
        self.assertEqual([], list(layers.check(self.tree)))
        self.assertEqual([], list(rules.check(self.tree)))

    def test_each_seed_is_found(self):
        for lint, name, text, words in SEEDS:
            with self.subTest(lint=lint, file=name, words=words):
                self.write(name, text)
                self.assertTrue(any(words in what for what in complaints(lint, self.tree)),
                                complaints(lint, self.tree))
                if name in CLEAN:
                    self.write(name, CLEAN[name])
                else:
                    (self.tree / name).unlink()

    def test_every_rule_has_a_seed(self):
        self.assertEqual({each.__name__ for each in rules.RULES},
                         {lint for lint, *_ in SEEDS} - {"layers"})

    def test_command_exits_with_1(self):
        self.write("src/base/a.cc", "int x;\n")
        run = subprocess.run([sys.executable, ROOT / "tools/lint/rules.py", self.tree],
                             capture_output=True, text=True)
        self.assertEqual(1, run.returncode)
        self.assertIn("src/base/a.cc:1: ", run.stdout)


class Symbols(Scratch):
    def gate(self, source):
        self.write("a.cc", source)
        library = self.tree / "liba.so"
        subprocess.run([CXX, "-shared", "-fPIC", self.tree / "a.cc", "-o", library], check=True)
        return subprocess.run([sys.executable, ROOT / "tools/lint/symbols.py", library],
                              capture_output=True, text=True)

    def test_public_names_pass(self):
        run = self.gate('namespace taut { inline namespace v0 { struct a { virtual ~a(); }; a::~a() {} } }'
                        ' extern "C" int taut_table; int taut_table;')
        self.assertEqual(0, run.returncode, run.stdout)

    def test_inner_names_fail(self):
        run = self.gate("namespace taut { inline namespace v0 { void f() {} namespace rt { void g() {} } }"
                        " void h() {} }")
        self.assertEqual(1, run.returncode)
        self.assertIn("taut::v0::rt::g()", run.stdout)
        self.assertIn("taut::h()", run.stdout)

    def test_other_library_fails(self):
        self.assertEqual(1, self.gate('extern "C" void taut_x() {}').returncode)


class Examples(Scratch):
    def run_on(self, printed, comment):
        self.write("program", "#!/bin/sh\nprintf '" + printed + "'\n")
        (self.tree / "program").chmod(0o755)
        self.write("source.cc", "int main() {}\n" + comment)
        return subprocess.run([sys.executable, run_example.__file__, self.tree / "program",
                               self.tree / "source.cc"], capture_output=True, text=True).returncode

    def test_compares(self):
        self.assertEqual(0, self.run_on("a\\nb\\n", "// Output:\n// a\n// b\n"))
        self.assertEqual(1, self.run_on("b\\na\\n", "// Output:\n// a\n// b\n"))
        self.assertEqual(0, self.run_on("b\\na\\n", "// Unordered output:\n// a\n// b\n"))
        self.assertEqual(1, self.run_on("b\\n", "// Unordered output:\n// a\n// b\n"))
        self.assertEqual(1, self.run_on("a\\n", ""))


if __name__ == "__main__":
    if "--cxx" in sys.argv:
        at = sys.argv.index("--cxx")
        CXX = sys.argv[at + 1]
        del sys.argv[at:at + 2]
    unittest.main()
