// SPDX-License-Identifier: Apache-2.0
// The functions at an address of this program, whose debug information is at hand.
#include "cli/code_scopes.h"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <vector>

#include "cli/frame_walker.h"

namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::uint64_t caller = 0;
volatile int after = 0;

[[gnu::noinline]] void note_caller() {
  caller = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
}

[[gnu::always_inline]] inline void inlined() {
  note_caller();
  after = after + 1;
}

// As a goroutine is started: the code of the inner lambda has its entry inside that of this
// function, which has no code there.
template <class F>
void (*starter(const F&))(void*) {
  return [](void* f) { (*static_cast<F*>(f))(); };
}

std::vector<std::string> names_at(std::uint64_t pc) {
#if defined(__x86_64__)
  constexpr std::uint32_t machine = EM_X86_64;
#else
  constexpr std::uint32_t machine = EM_AARCH64;
#endif
  const auto memory = taut::cli::open_process_memory(static_cast<std::uint64_t>(::getpid()));
  taut::cli::frame_walker walker(*memory, machine);
  std::vector<taut::cli::frame> frames;
  walker.name({pc}, frames);
  std::vector<std::string> names;
  for (const taut::cli::frame& f : frames) names.push_back(f.function);
  return names;
}

TEST(code_scopes, finds_what_is_inlined_into_a_lambda) {
  auto work = []() __attribute__((always_inline)) { inlined(); };
  void (*volatile start)(void*) = starter(work);
  start(&work);
  const std::vector<std::string> names = names_at(caller);
  ASSERT_GE(names.size(), 3u);  // and the lambda in starter(), as the compiler likes
  EXPECT_EQ(names[0], "(anonymous namespace)::inlined");
  EXPECT_THAT(names[1], HasSubstr("_Test::TestBody()::{lambda}"));
  EXPECT_THAT(names.back(), HasSubstr("starter"));
}

TEST(code_scopes, finds_a_function_and_what_is_inlined_into_it) {
  inlined();
  EXPECT_THAT(names_at(caller), ElementsAre(HasSubstr("inlined"), HasSubstr("TestBody")));
}

}  // namespace
