// SPDX-License-Identifier: Apache-2.0
// The debug table, read as GDB reads it: by its bytes alone. What comes out must be what the
// snapshot says.
#include "diag/debug_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <string_view>

#include "arch/context.h"
#include "base/clock.h"
#include "base/handoff.h"
#include "diag/snapshot.h"
#include "support/fixture.h"
#include "sync/owner.h"
#include "taut/chan.h"
#include "taut/mutex.h"
#include "taut/select.h"

namespace {

using taut::test::until;
using taut::test::until_waiting;

template <class T>
T load(std::uintptr_t at) {
  taut::rt::unseen_section unseen;  // others write what is read
  T value;
  std::memcpy(&value, reinterpret_cast<const void*>(at), sizeof value);
  return value;
}

// Nothing here knows a structure of the runtime.
class table {
 public:
  table() : at_(reinterpret_cast<std::uintptr_t>(&taut::rt::debug_table())) {
    std::memcpy(&head_, reinterpret_cast<const void*>(at_), sizeof head_);
    for (std::uint32_t i = 0; i < head_.field_count; ++i) {
      const auto f = load<taut_debug_field>(at_ + head_.fields_offset + i * head_.field_size);
      EXPECT_TRUE(fields_.emplace(f.name, f).second) << f.name;
    }
  }
  const taut_debug_table& head() const { return head_; }
  bool has(const std::string& name) const { return fields_.contains(name); }
  const taut_debug_field& field(const std::string& name) const { return fields_.at(name); }
  std::uint64_t get(std::uintptr_t object, const std::string& name) const {
    const taut_debug_field& f = fields_.at(name);
    std::uint64_t value = 0;
    EXPECT_LE(f.size, sizeof value) << name;
    taut::rt::unseen_section unseen;
    std::memcpy(&value, reinterpret_cast<const void*>(object + f.offset), f.size);
    return value;
  }
  std::string text(const taut_debug_texts& list, std::uint64_t i) const {
    EXPECT_LT(i, list.count);
    return reinterpret_cast<const char*>(at_ + list.offset + i * list.width);
  }
  template <class F>
  void for_each_goroutine(F&& f) const {
    const int slabs = load<int>(head_.slab_count);
    for (int i = 0; i < slabs; ++i) {
      const auto slab = load<std::uintptr_t>(head_.slabs + i * sizeof(std::uintptr_t));
      const std::uint64_t used = get(slab, "slab.used");
      for (std::uint64_t j = 0; j < used; ++j)
        f(get(slab, "slab.descriptors") + j * field("goroutine").size);
    }
  }
  std::uintptr_t find(std::uint64_t id) const {
    std::uintptr_t found = 0;
    for_each_goroutine([&](std::uintptr_t g) {
      if (get(g, "goroutine.id") == id) found = g;
    });
    return found;
  }

 private:
  std::uintptr_t at_;
  taut_debug_table head_;
  std::map<std::string, taut_debug_field> fields_;
};

RUNTIME_TEST(debug_table, head) {
  const table t;
  EXPECT_EQ(std::string_view(t.head().magic, 16), "taut debug table");
  EXPECT_EQ(t.head().version, 1u);
  EXPECT_EQ(t.head().self, reinterpret_cast<std::uintptr_t>(&taut::rt::debug_table()));
  EXPECT_EQ(t.head().stopped_by, 0u);
  EXPECT_EQ(t.head().coarse_time, reinterpret_cast<std::uintptr_t>(&taut::rt::coarse_time));
  EXPECT_LE(t.head().fields_offset + t.head().field_count * t.head().field_size, t.head().size);
  EXPECT_EQ(t.text(t.head().states, 3), "waiting");
  EXPECT_EQ(t.text(t.head().reasons, static_cast<std::uint64_t>(taut::rt::wait_reason::cond_wait)),
            "sync.Cond.Wait");
}

RUNTIME_TEST(debug_table, says_what_the_snapshot_says) {
  using taut::rt::wait_reason;
  taut::chan<int> gate(3), never(0);
  taut::mutex lock;
  lock.lock();
  taut::go({.name = "receiver"}, [=] { gate.recv(); });
  taut::go({.name = "chooser"}, [=] {
    taut::this_goroutine::set_label("tenant", "acme");
    taut::select(taut::recv(gate, [](std::optional<int>) {}), taut::send(never, 1));
  });
  taut::go({.name = "locker"}, [&] {
    lock.lock();
    lock.unlock();
  });
  until_waiting(wait_reason::chan_receive);
  until_waiting(wait_reason::select);
  until_waiting(wait_reason::mutex_lock);
  // Who is about to wait has left its worker a little later.
  until([] {
    const taut::rt::snapshot left({});
    return std::count_if(left.goroutines.begin(), left.goroutines.end(),
                         [](const taut::rt::goroutine_record& g) { return g.stable; }) >= 3;
  });

  const table t;
  const taut::rt::snapshot s({});
  int compared = 0, stable = 0;
  for (const taut::rt::goroutine_record& g : s.goroutines) {
    if (g.is_thread) continue;
    const std::uintptr_t at = t.find(g.id);
    ASSERT_NE(at, 0u) << g.id;
    ++compared;
    EXPECT_EQ(t.get(at, "goroutine.parent"), g.parent);
    EXPECT_EQ(t.get(at, "goroutine.created"), reinterpret_cast<std::uintptr_t>(g.created.data));
    EXPECT_EQ(t.get(reinterpret_cast<std::uintptr_t>(g.created.data), "site.line"),
              g.created->line);
    EXPECT_EQ(t.get(at, "goroutine.stack_low"), g.stack_low);
    EXPECT_EQ(t.get(at, "goroutine.stack_high"), g.stack_high);
    EXPECT_EQ(reinterpret_cast<const char*>(at + t.field("goroutine.name").offset), s.name_of(g));
    if (const std::uintptr_t labels = t.get(at, "goroutine.labels"); labels != 0) {
      EXPECT_EQ(
          std::string_view(reinterpret_cast<const char*>(labels + t.field("labels.text").offset),
                           t.get(labels, "labels.used")),
          s.labels_of(g));
    }
    if (!g.stable || t.get(at, "goroutine.dispatches") != g.dispatches) continue;
    ++stable;
    // That it waits is told by what it is saved at, and linked to.
    EXPECT_EQ(t.text(t.head().states, t.get(at, "goroutine.state")), "runnable");
    EXPECT_NE(t.get(at, "goroutine.sp"), 0u);
    if (g.reason == wait_reason::select) {
      EXPECT_EQ(t.get(at, "goroutine.claim"), 1u);
    } else {
      EXPECT_NE(t.get(at, "goroutine.queue"), 0u);
    }
    EXPECT_EQ(t.text(t.head().reasons, t.get(at, "goroutine.reason")), to_text(g.reason));
    const auto object = reinterpret_cast<std::uintptr_t>(g.object);
    if (g.reason == wait_reason::chan_receive) {
      EXPECT_EQ(t.get(at, "goroutine.queue") - t.field("channel.receivers").offset, object);
    } else if (g.reason != wait_reason::select) {
      EXPECT_EQ(t.get(at, "goroutine.wait_object"), object);
    }
    EXPECT_EQ(t.get(at, "goroutine.wait_site"), reinterpret_cast<std::uintptr_t>(g.waits_at.data));
    EXPECT_EQ(static_cast<std::int64_t>(t.get(at, "goroutine.wait_since")) - g.since,
              static_cast<std::int64_t>(t.get(at, "goroutine.reason")));
    const std::uintptr_t sp = t.get(at, "goroutine.sp");
    EXPECT_EQ(sp, g.sp);
    const auto saved = taut::rt::registers_of(reinterpret_cast<const void*>(sp));
    EXPECT_EQ(t.get(sp, "context.pc"), saved.pc);
#if defined(__x86_64__)
    EXPECT_EQ(t.get(sp, "context.rbp"), saved.fp);
#else
    EXPECT_EQ(t.get(sp, "context.x29"), saved.fp);
#endif
    EXPECT_EQ(sp + t.field("context").size, saved.sp);
    if (g.reason == wait_reason::chan_receive) {
      const auto* c = s.channel(g.object);
      ASSERT_NE(c, nullptr);
      const std::uintptr_t channel = object;
      EXPECT_EQ(t.get(channel, "channel.capacity"), 3u);
      EXPECT_EQ(t.get(channel, "channel.count"), 0u);
      EXPECT_EQ(t.get(channel, "channel.closed"), 0u);
      EXPECT_TRUE(c->alive);
      EXPECT_EQ(t.get(channel, "channel.made"), reinterpret_cast<std::uintptr_t>(c->made.data));
      EXPECT_EQ(t.get(channel, "channel.handles") >> 32, c->receivers);
    }
    if (g.reason == wait_reason::select) {
      ASSERT_EQ(t.get(at, "goroutine.wait_cases"), 2u);
      const std::uintptr_t list = t.get(at, "goroutine.wait_case_list");
      EXPECT_EQ(t.get(list, "case.channel"),
                reinterpret_cast<std::uintptr_t>(s.cases[g.first_case].channel));
      EXPECT_EQ(t.get(list, "case.sends"), 0u);
      EXPECT_EQ(t.get(list + t.field("case").size, "case.sends"), 1u);
    }
    if (g.reason == wait_reason::mutex_lock) {
      EXPECT_EQ(
          t.get(t.get(at, "goroutine.wait_object"), "lock.state") >> taut::detail::owner_shift,
          taut::rt::current_owner());
    }
  }
  EXPECT_GE(compared, 4);
  EXPECT_GE(stable, 3);
  gate.send(1);
  gate.send(1);
  lock.unlock();
  never.close();
}

RUNTIME_TEST(debug_table, names_the_worker_of_a_running_goroutine) {
  const table t;
  const std::uint64_t me = taut::this_goroutine::id();
  bool found = false;
  for (int i = 0; i < load<int>(t.head().worker_count); ++i) {
    const auto w = load<std::uintptr_t>(t.head().workers + i * sizeof(std::uintptr_t));
    const std::uintptr_t shown = t.get(w, "worker.shown");
    if (shown == 0 || t.get(shown, "goroutine.id") != me) continue;
    found = true;
    EXPECT_NE(t.get(w, "worker.tid"), 0u);
    EXPECT_EQ(t.text(t.head().worker_states, t.get(w, "worker.state")), "running");
    EXPECT_EQ(t.get(shown, "goroutine.home"), w);
  }
  EXPECT_TRUE(found);
}

}  // namespace
