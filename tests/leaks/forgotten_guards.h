// SPDX-License-Identifier: Apache-2.0
// Three mutexes, each locked by a guard of the standard library that never unlocks, by a goroutine
// that has ended. How this is compiled decides how the place of the guard is found.
#pragma once

#include <mutex>

#include "leak_program.h"

namespace {

taut::mutex& first = immortal<taut::mutex>();
taut::mutex& second = immortal<taut::mutex>();
taut::mutex& third = immortal<taut::mutex>();

void no_tail_call() { asm volatile("" ::: "memory"); }

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

void lock_and_forget() {
  taut::wait_group lockers;
  lockers.go(by_unique_lock);
  lockers.go(by_lock_guard);
  lockers.go(by_scoped_lock);
  lockers.wait();
}

}  // namespace
