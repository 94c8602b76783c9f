// SPDX-License-Identifier: Apache-2.0
// What a user writes who wants heap profiles: nothing but the name of the library to link.
#include <taut/taut.h>

#include <cstdio>
#include <memory>

int main() {
  taut::heap::set_sample_rate(1);
  const auto kept = std::make_unique<char[]>(1'000'000);
  const std::string text = taut::debug::profile("heap").text(1);
  const bool there = text.find("1: 1000000 [1: 1000000] @ 0x") != text.npos;
  std::printf("sampling %d, found %d\n", taut::heap::sampling(), there);
  return taut::heap::sampling() && there ? 0 : 1;
}
