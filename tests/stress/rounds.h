// SPDX-License-Identifier: Apache-2.0
// The main() of the seeded stress programs: rounds until the time is up, each named by its seed
// before it begins; or, with --seed, that one again.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

namespace taut::test {

inline int run_rounds(int argc, char** argv, bool (*one_round)(std::uint64_t)) {
  std::uint64_t seed = 0;
  int seconds = 8;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seed") == 0) seed = std::strtoull(argv[i + 1], nullptr, 10);
    if (std::strcmp(argv[i], "--seconds") == 0) seconds = std::atoi(argv[i + 1]);
  }
  if (seed != 0) return one_round(seed) ? 0 : 1;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  std::random_device device;
  int rounds = 0;
  do {
    seed = (static_cast<std::uint64_t>(device()) << 32 | device()) | 1;
    // Before the round: a round that hangs or crashes is named too.
    std::printf("replay with: %s --seed %llu\n", argv[0], static_cast<unsigned long long>(seed));
    std::fflush(stdout);
    if (!one_round(seed)) return 1;
    ++rounds;
  } while (std::chrono::steady_clock::now() < end);
  std::printf("%d rounds\n", rounds);
  return 0;
}

}  // namespace taut::test
