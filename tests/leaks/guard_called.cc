// SPDX-License-Identifier: Apache-2.0
// leak: proved R21 sync.Mutex.Lock
// leak: proved R21 sync.Mutex.Lock
// leak: proved R21 sync.Mutex.Lock
// Guards of the standard library that are calls of their own, as without optimization (-O0): the
// place of who locked is that of the guard.
#include "leak_program.h"

namespace {

taut::mutex& first = immortal<taut::mutex>();
taut::mutex& second = immortal<taut::mutex>();
taut::mutex& third = immortal<taut::mutex>();

void no_tail_call() { asm volatile("" ::: "memory"); }

// Each forgets to unlock.
void by_unique_lock() {
  std::unique_lock(first).release();
  no_tail_call();
}
void by_lock_guard() {
  new std::lock_guard(second);
  no_tail_call();
}
void by_scoped_lock() {
  new std::scoped_lock(third);
  no_tail_call();
}

void scenario() {
  taut::wait_group lockers;
  lockers.go(by_unique_lock);
  lockers.go(by_lock_guard);
  lockers.go(by_scoped_lock);
  lockers.wait();
  taut::go([] { first.lock(); });
  taut::go([] { second.lock(); });
  taut::go([] { third.lock(); });
}

}  // namespace

int main() { return leak_main(scenario, 3); }
