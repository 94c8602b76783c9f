// SPDX-License-Identifier: Apache-2.0
// leak: proved R21 sync.Mutex.Lock
// leak: proved R21 sync.Mutex.Lock
// leak: proved R21 sync.Mutex.Lock
// culprit: forgotten_guards.h:19
// culprit: forgotten_guards.h:23
// culprit: forgotten_guards.h:27
// Guards of the standard library of which one is inlined in part (-Og): the place of who locked is
// that of the guard.
#include "forgotten_guards.h"

namespace {

void scenario() {
  lock_and_forget();
  taut::go([] { first.lock(); });
  taut::go([] { second.lock(); });
  taut::go([] { third.lock(); });
}

}  // namespace

int main() { return leak_main(scenario, 3); }
