// SPDX-License-Identifier: Apache-2.0
#include "sched/labels.h"

#include <gtest/gtest.h>

#include <string>

#include "support/fixture.h"
#include "taut/chan.h"

namespace taut::test {
namespace {

using rt::drop_labels;
using rt::label_set;
using rt::with_label;

std::string text_of(const label_set* l) {
  std::string text;
  if (l == nullptr) return text;
  rt::for_each_label(*l, [&](std::string_view k, std::string_view v) {
    text.append(k).append("=").append(v).append(" ");
  });
  return text;
}

// Owns one reference.
struct labels {
  label_set* set = nullptr;
  labels& add(std::string_view k, std::string_view v) {
    label_set* next = with_label(set, k, v);
    if (set != nullptr) drop_labels(set);
    set = next;
    return *this;
  }
  ~labels() {
    if (set != nullptr) drop_labels(set);
  }
};

TEST(labels, keys_are_sorted_and_unique) {
  labels l;
  l.add("m", "1").add("z", "2").add("a", "3");
  EXPECT_EQ(text_of(l.set), "a=3 m=1 z=2 ");
  l.add("m", "longer than before");
  EXPECT_EQ(text_of(l.set), "a=3 m=longer than before z=2 ");
  l.add("ab", "4");
  EXPECT_EQ(text_of(l.set), "a=3 ab=4 m=longer than before z=2 ");
}

TEST(labels, an_empty_value_removes_the_key) {
  labels l;
  l.add("a", "1").add("b", "2").add("c", "3").add("b", "");
  EXPECT_EQ(text_of(l.set), "a=1 c=3 ");
  l.add("no such", "");
  EXPECT_EQ(text_of(l.set), "a=1 c=3 ");
  l.add("a", "").add("c", "");
  EXPECT_EQ(l.set, nullptr);
  EXPECT_EQ(with_label(nullptr, "a", ""), nullptr);
}

TEST(labels, a_set_never_changes) {
  labels l;
  l.add("a", "1");
  label_set* changed = with_label(l.set, "a", "2");
  EXPECT_EQ(text_of(l.set), "a=1 ");
  EXPECT_EQ(text_of(changed), "a=2 ");
  drop_labels(changed);
}

TEST(labels, text_that_does_not_fit_is_refused) {
  labels l;
  l.add("a", "1");
  const std::string fits(240 - 4 - 3, 'x');
  l.add("b", fits);
  EXPECT_EQ(l.set->used, 240u);
  EXPECT_NE(panic_of([&] { with_label(l.set, "c", "1"); }), "");
  EXPECT_EQ(text_of(l.set), "a=1 b=" + fits + " ");
}

TEST(labels, a_block_is_used_again_only_after_its_last_reference) {
  label_set* first = with_label(nullptr, "a", "1");
  EXPECT_EQ(rt::share_labels(first), first);
  drop_labels(first);
  label_set* second = with_label(nullptr, "a", "2");
  EXPECT_NE(second, first);
  EXPECT_EQ(text_of(first), "a=1 ");
  drop_labels(first);
  label_set* third = with_label(nullptr, "a", "3");
  EXPECT_EQ(third, first);
  drop_labels(second);
  drop_labels(third);
}

RUNTIME_TEST(labels, a_tree_of_goroutines_inherits_them) {
  this_goroutine::set_label("request", "7");
  chan<std::string> told(0);
  for (int i = 0; i < 5; ++i) {
    go([=] {
      this_goroutine::set_label("part", std::to_string(i));
      go([=] {
        told.send(this_goroutine::label("request") + "/" + this_goroutine::label("part"));
      });
      this_goroutine::set_label("part", "changed after");
    });
  }
  std::string all;
  for (int i = 0; i < 5; ++i) all += *told.recv() + " ";
  for (int i = 0; i < 5; ++i)
    EXPECT_NE(all.find("7/" + std::to_string(i) + " "), std::string::npos) << all;
  EXPECT_EQ(this_goroutine::label("part"), "");
}

}  // namespace
}  // namespace taut::test
