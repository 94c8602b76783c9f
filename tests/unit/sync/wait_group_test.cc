// SPDX-License-Identifier: Apache-2.0
// Waiters of many groups at once, and a group that lives on its waiter's stack.
#include "taut/wait_group.h"

#include "support/fixture.h"

namespace taut::test {
namespace {

int sum_of_tree(int depth) {
  if (depth == 0) return 1;
  int left = 0, right = 0;
  wait_group both;
  both.go([&] { left = sum_of_tree(depth - 1); });
  both.go([&] { right = sum_of_tree(depth - 1); });
  both.wait();
  return left + right;
}

RUNTIME_TEST(wait_group, a_tree_of_groups_adds_up) { EXPECT_EQ(sum_of_tree(8), 256); }

}  // namespace
}  // namespace taut::test
