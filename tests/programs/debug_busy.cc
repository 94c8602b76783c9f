// SPDX-License-Identifier: Apache-2.0
// A service to profile: goroutines that compute for tenants, that want one lock, and that wait for
// each other. Prints its address, and ends when its standard input does.
#include <taut/taut.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>

namespace {

using namespace std::chrono_literals;

[[gnu::noinline]] void compute_the_answer() {
  const auto until = std::chrono::steady_clock::now() + 1ms;
  while (std::chrono::steady_clock::now() < until) {
  }
  asm volatile("" ::: "memory");
}

[[gnu::noinline]] void hold_the_ledger(taut::mutex& ledger) {
  ledger.lock();
  taut::sleep_for(1ms);
  ledger.unlock();
  asm volatile("" ::: "memory");
}

[[gnu::noinline]] void want_the_ledger(taut::mutex& ledger) {
  ledger.lock();
  ledger.unlock();
  taut::yield();
  asm volatile("" ::: "memory");
}

[[gnu::noinline]] bool wait_for_a_turn(const taut::chan<int>& turns) {
  const bool open = turns.recv().has_value();
  asm volatile("" ::: "memory");
  return open;
}

}  // namespace

int main() {
  taut::set_block_profile_rate(1ns);
  taut::set_mutex_profile_fraction(1);
  return taut::run([] {
    auto server = taut::debug::server::start("127.0.0.1:0");
    std::printf("%s\n", server ? server->address().c_str() : server.error().message().c_str());
    std::fflush(stdout);
    std::atomic<bool> stop{false};
    taut::mutex ledger;
    taut::chan<int> turns(0);
    taut::wait_group all;
    for (const char* tenant : {"acme", "zeta"}) {
      all.go([&stop, tenant] {
        taut::this_goroutine::set_label("tenant", tenant);
        while (!stop) {
          compute_the_answer();
          taut::sleep_for(100us);
        }
      });
    }
    all.go([&] {
      while (!stop) hold_the_ledger(ledger);
    });
    all.go([&] {
      while (!stop) want_the_ledger(ledger);
    });
    all.go([&] {
      while (wait_for_a_turn(turns)) {
      }
    });
    all.go([&] {
      while (!stop) {
        turns.send(1);
        taut::sleep_for(1ms);
      }
      turns.close();
    });
    taut::blocking([] {
      while (std::getchar() != EOF) {
      }
    });
    stop = true;
    all.wait();
    return server ? 0 : 1;
  });
}
