// SPDX-License-Identifier: Apache-2.0
// What owns a goroutine, a lock or a count has one home: it neither copies nor moves.
#include <type_traits>
#include <utility>

#include "taut/go.h"
#include "taut/mutex.h"
#include "taut/scope.h"
#include "taut/wait_group.h"

void use(taut::scope& s, taut::mutex& m, taut::wait_group& g) {
  taut::go([] {});
#if WRONG == 1
  // WRONG 1: deleted
  taut::scope copy(s);
#elif WRONG == 2
  // WRONG 2: deleted
  taut::mutex copy(m);
#elif WRONG == 3
  // WRONG 3: deleted
  taut::wait_group copy(g);
#elif WRONG == 4
  // WRONG 4: taut::go
  taut::go([](int) {});
#endif
  (void)s, (void)m, (void)g;
}
