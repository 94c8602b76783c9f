// SPDX-License-Identifier: Apache-2.0
#include "diag/symbolize.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

namespace taut::rt {
namespace {

[[gnu::noinline]] std::uintptr_t return_address() {
  return reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
}

// Their names are encodings of types: int, wchar_t, float.
[[gnu::noinline]] static std::uintptr_t i() { return return_address() + 0; }
[[gnu::noinline]] static std::uintptr_t w() { return return_address() + 0; }
extern "C" [[gnu::noinline]] std::uintptr_t f() { return return_address() + 0; }

struct sample {
  std::uintptr_t pc;
  int line;
};

[[gnu::noinline]] sample take_sample() {
  sample taken{};
  taken.line = __LINE__ + 1;
  taken.pc = return_address();
  return taken;
}

[[gnu::always_inline]] inline std::uintptr_t inner_inlined() { return return_address() + 0; }
[[gnu::always_inline]] inline std::uintptr_t middle_inlined() { return inner_inlined() + 0; }
[[gnu::noinline]] std::uintptr_t outer_function() {
  std::uintptr_t pc = middle_inlined();
  asm volatile("" ::: "memory");
  return pc;
}

TEST(symbolize_test, names_function_file_and_line) {
  sample taken = take_sample();
  std::vector<symbol_frame> frames = symbolize(taken.pc);
  ASSERT_EQ(frames.size(), 1u);
  const symbol_frame& frame = frames[0];
  EXPECT_NE(frame.function.find("take_sample"), std::string::npos) << frame.function;
  EXPECT_EQ(std::filesystem::path(frame.file).filename(), "symbolize_test.cc");
  EXPECT_EQ(frame.line, taken.line);
  EXPECT_FALSE(frame.inlined);
  EXPECT_EQ(frame.entry, reinterpret_cast<std::uintptr_t>(&take_sample));
}

TEST(symbolize_test, expands_inlined_calls) {
  std::vector<symbol_frame> frames = symbolize(outer_function());
  ASSERT_EQ(frames.size(), 3u);
  const char* names[] = {"inner_inlined", "middle_inlined", "outer_function"};
  for (int i = 0; i < 3; ++i) {
    EXPECT_NE(frames[i].function.find(names[i]), std::string::npos) << frames[i].function;
    EXPECT_EQ(frames[i].inlined, i < 2);
    EXPECT_GT(frames[i].line, 0);
    EXPECT_EQ(frames[i].entry, reinterpret_cast<std::uintptr_t>(&outer_function));
  }
}

TEST(symbolize_test, says_the_namespace_of_what_only_this_file_can_call) {
  const symbol_frame frame = symbolize(take_sample().pc).back();
  EXPECT_EQ(short_function(frame.function), "taut::rt::(anonymous namespace)::take_sample");
  EXPECT_EQ(short_function(symbolize(outer_function()).back().function),
            "taut::rt::(anonymous namespace)::outer_function");
}

TEST(symbolize_test, takes_no_name_for_a_type) {
  auto name = [](std::uintptr_t pc) { return short_function(symbolize(pc).back().function); };
  EXPECT_TRUE(name(i()).ends_with("i")) << name(i());
  EXPECT_TRUE(name(w()).ends_with("w")) << name(w());
  EXPECT_EQ(name(f()), "f");
}

TEST(symbolize_test, names_functions_without_debug_information) {
  auto entry = reinterpret_cast<std::uintptr_t>(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"));
  ASSERT_NE(entry, 0u);
  std::vector<symbol_frame> frames = symbolize(entry + 1);
  ASSERT_FALSE(frames.empty());
  EXPECT_NE(frames.back().function.find("gnu_get_libc_version"), std::string::npos)
      << frames.back().function;
  EXPECT_EQ(frames.back().entry, entry);
}

TEST(symbolize_test, says_the_address_of_what_nobody_knows) {
  std::vector<symbol_frame> frames = symbolize(0x11);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].function, "0x10");
  EXPECT_EQ(frames[0].line, 0);
  EXPECT_EQ(frames[0].entry, 0u);
}

TEST(symbolize_test, may_be_called_by_many_threads) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int round = 0; round < 50; ++round) EXPECT_EQ(symbolize(outer_function()).size(), 3u);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(symbolize_test, can_be_switched_off) {
  // In a process of its own, since the variable is read once.
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        setenv("TAUT_SYMBOLIZE", "0", 1);
        std::vector<symbol_frame> frames = symbolize(take_sample().pc);
        std::string program = std::filesystem::read_symlink("/proc/self/exe").filename();
        bool right = frames.size() == 1 && frames[0].function.starts_with(program + "+0x") &&
                     frames[0].file.empty();
        std::exit(right ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

TEST(lambda_in_test, finds_what_a_caller_is_named_after) {
  EXPECT_EQ(lambda_in("void call<serve(int)::{lambda()#1}>(serve(int)::{lambda()#1}&&)"),
            "serve(int)::{lambda}");
  EXPECT_EQ(lambda_in("taut::v0::spawn<taut::v0::wait_group::go<serve()::{lambda(std::any)#2}>("
                      "serve()::{lambda(std::any)#2}&&)::{lambda()#1}>::_FUN(void*)"),
            "serve()::{lambda}");
  EXPECT_EQ(lambda_in("void call<worker>(worker&&)"), "");
  EXPECT_EQ(lambda_in("main"), "");
  EXPECT_EQ(lambda_in("operator<"), "");
}

TEST(short_path_test, cuts_the_working_directory) {
  std::string here = std::filesystem::current_path();
  EXPECT_EQ(short_path(here + "/src/a.cc"), "src/a.cc");
  EXPECT_EQ(short_path(here + "2/src/a.cc"), here + "2/src/a.cc");
  EXPECT_EQ(short_path(here), here);
  EXPECT_EQ(short_path("/nowhere/a.cc"), "/nowhere/a.cc");
  EXPECT_EQ(short_path("a.cc"), "a.cc");
  EXPECT_EQ(short_path(""), "");
}

TEST(short_function_test, keeps_the_name) {
  struct {
    const char *whole, *brief;
  } cases[] = {
      {"main", "main"},
      {"", ""},
      {"fetch(int)", "fetch"},
      {"store::get(std::basic_string<char, std::char_traits<char> > const&) const", "store::get"},
      {"fetch_with_timeout(int)::{lambda()#1}::operator()() const",
       "fetch_with_timeout(int)::{lambda}"},
      {"fetch(std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >, "
       "taut::v0::context)::{lambda(int)#2}::operator()(int) const",
       "fetch(...)::{lambda}"},
      {"main::{lambda()#1}::operator()() const::{lambda(auto:1)#2}::operator()<int>(int) const",
       "main::{lambda}::{lambda}"},
      {"main::$_0::operator()() const", "main::{lambda}"},
      {"main::{lambda()#1}::_FUN()", "main::{lambda}"},
      {"void taut::v0::go<main::{lambda()#1}>(main::{lambda()#1}&&)", "taut::go"},
      {"auto run<int>(int)::{lambda()#1}::operator()() const", "run(int)::{lambda}"},
      {"int* find<char const*>(char const*)", "find"},
      {"std::vector<int, std::allocator<int> >::push_back(int&&)", "std::vector::push_back"},
      {"(anonymous namespace)::worker::run()", "(anonymous namespace)::worker::run"},
      {"void (anonymous namespace)::each<int>(int)", "(anonymous namespace)::each"},
      {"std::ostream& std::operator<< <char>(std::ostream&, char)", "std::operator<<"},
      {"bool operator< <int>(box<int> const&, box<int> const&)", "operator<"},
      {"box<int>::operator()(int)", "box::operator()"},
      {"box<int>::operator->() const", "box::operator->"},
      {"box<int>::operator<=>(box<int> const&) const", "box::operator<=>"},
      {"box<int>::operator unsigned long() const", "box::operator unsigned long"},
      {"operator new(unsigned long)", "operator new"},
      {"operator delete[](void*)", "operator delete[]"},
      {"name[abi:cxx11](int)", "name"},
      {"leave(int) [clone .cold]", "leave"},
      {"leave(int) [clone .constprop.0] [clone .isra.0]", "leave"},
      {"call(void (*)(int))", "call"},
      {"box<(kind)2>::get()", "box::get"},
      {"box<decltype(a->b)>::get()", "box::get"},
      {"libc.so.6+0x29d90", "libc.so.6+0x29d90"},
      {"0x7f00", "0x7f00"},
  };
  for (auto [whole, brief] : cases) EXPECT_EQ(short_function(whole), brief) << whole;
}

}  // namespace
}  // namespace taut::rt
