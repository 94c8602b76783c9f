// SPDX-License-Identifier: Apache-2.0
// quiet
// Room for the answer that may stay unread.
#include "leak_program.h"

namespace {

bool fails() { return true; }

void scenario() {
  taut::chan<int> answer(1);
  taut::go([=] { answer.send(42); });
  if (fails()) return;
  answer.recv();
}

}  // namespace

int main() { return leak_main(scenario, 0); }
