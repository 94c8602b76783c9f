// SPDX-License-Identifier: Apache-2.0
// Fatal signals, by the first argument.
#include <link.h>
#include <signal.h>
#include <taut/chan.h>
#include <taut/diag.h>
#include <taut/go.h>
#include <taut/io.h>
#include <taut/runtime.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

namespace {

[[gnu::noinline]] int read_from(const volatile int* p) {
  return *p;  // place: null
}

[[gnu::noinline]] int divide(const volatile int* a, const volatile int* b) {
  return *a / *b;  // place: divide
}

// The loader's lock is held here, and whoever wants to know names needs it.
int in_loader(dl_phdr_info*, std::size_t, void*) { std::abort(); }

// For ever.
[[gnu::noinline]] long wait_in_a_call() {
  int ends[2];
  char byte = 0;
  const long n = ::pipe(ends) == 0 ? ::read(ends[0], &byte, 1) : 0;
  asm volatile("" ::: "memory");
  return n;
}

[[gnu::noinline]] void crash(std::string_view how) {
  if (how == "null" || how == "off" || how == "own" || how == "blocking") read_from(nullptr);
  if (how == "divide") {
    const int one = 1, zero = 0;
    divide(&one, &zero);
  }
  if (how == "illegal") __builtin_trap();
  if (how == "loader") ::dl_iterate_phdr(in_loader, nullptr);
  if (how == "sent") ::raise(SIGBUS);
  if (how == "abort") std::abort();
  if (how == "thread") std::thread([] { std::abort(); }).join();
}

void own_handler(int) { ::_exit(42); }

}  // namespace

int main(int count, char** arguments) {
  const std::string_view how = count > 1 ? arguments[1] : "null";
  if (how == "own") ::signal(SIGSEGV, own_handler);
  taut::start({.handle_crash = how != "off"});
  taut::run([=] {
    taut::chan<int> never(0);
    if (how == "blocking") {
      taut::go({.name = "sleeper"}, [] { taut::blocking([] { wait_in_a_call(); }); });
      while (taut::stack(true).find("wait_in_a_call(...)") == std::string::npos) taut::yield();
    }
    taut::go({.name = "reader"}, [=] {
      // In "loader" nothing may have been named before.
      while (how != "loader" &&
             taut::stack(true).find("[chan receive] {name: main}") == std::string::npos)
        taut::yield();
      crash(how);
    });
    never.recv();
  });
}
