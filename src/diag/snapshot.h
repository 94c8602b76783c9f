// SPDX-License-Identifier: Apache-2.0
// A copy of everything that diagnosis looks at: the only reader of the core. Dumps, profiles,
// proofs and pages are made from it.
//
// Made while everything runs, in passes: the goroutines; the objects that they wait for; the stacks
// of those that do not run; who waits still. A goroutine that waits in the first and the last pass,
// and was dispatched as often, waited all the time, so what was read of it and of its object is
// consistent. The stack of one that is ready and was not dispatched meanwhile is as good. Last, the
// threads of those that run are asked where they are: sleeping ones by /proc, others by a signal,
// while they answer. One that moved is kept without a stack. Takes no lock, does not use the
// allocator, never faults: descriptors, stacks and channels are never unmapped, other objects are
// read by the kernel's copy.
//
// Cost         see bench/micro/profile_bench.cc; 200 bytes a goroutine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "arch/unwind.h"
#include "diag/mapped_array.h"
#include "sched/goroutine.h"
#include "taut/detail/site.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Ids that dumps give to the stand-ins of threads that are no goroutines.
inline constexpr std::uint64_t first_thread_id = 1'000'000'000'000'000'000u;

struct goroutine_record {
  std::uint64_t id = 0;
  std::uint64_t parent = 0;
  std::uint64_t owner = 0;  // what a lock that it holds says
  std::uint64_t dispatches = 0;
  site created, waits_at;
  goroutine_state state = goroutine_state::idle;
  wait_reason reason = wait_reason::none;
  bool limited = false;  // a deadline, or a context that can end, ends the wait too
  bool stable = false;   // waited through all passes
  bool linked = false;   // nobody has taken it out of its queue
  bool is_thread = false;
  bool pinned = false;
  bool mine = false;       // it took the snapshot
  std::int64_t since = 0;  // scheduler's clock; of the wait
  const void* object = nullptr;
  const void* bound_to = nullptr;  // context node
  std::uintptr_t sp = 0, stack_low = 0, stack_high = 0;
  std::uint32_t first_case = 0, cases = 0;    // in snapshot::cases
  std::uint32_t first_frame = 0, frames = 0;  // in snapshot::frames
  std::uint32_t name = 0, labels = 0;         // offsets in snapshot::text; 0: none
  std::uint32_t labels_size = 0;

  bool waits() const noexcept { return state == goroutine_state::waiting; }
};

struct case_record {
  const void* channel;  // nullptr: never ready
  bool sends;
};

struct fact_record {
  std::uint64_t goroutine = 0;  // 0: never
  site where;
};

struct leaving_record {
  fact_record by;
  std::uint64_t after = 0;  // so many receives, or sends
  std::uint8_t why = 0;     // rt::left_for
};

struct channel_record {
  const void* address = nullptr;
  bool alive = false;
  std::uint64_t maker = 0;
  std::uint64_t sends = 0, receives = 0;
  std::uintptr_t dropped_at = 0;  // return address of the end of the handle that died last
  site made;
  fact_record last_send, last_receive, closer;
  fact_record previous_send;  // before last_send
  leaving_record receiver_left, sender_left;
  std::uint32_t senders = 0, receivers = 0;  // handles by direction
  std::uint32_t length = 0, capacity = 0;
  bool closed = false, of_context = false, typed = false;
  bool endless = false;  // of a context that can no longer end
  bool spent = false;    // of after(): its only tick was taken
};

// A context that somebody waits for.
struct context_record {
  const void* address = nullptr;
  site made;
  std::uint64_t maker = 0;
  bool can_end = false;
};

// The first words of any other object that somebody waits for.
struct object_record {
  const void* address = nullptr;
  wait_reason reason = wait_reason::none;
  bool readable = false;
  std::uint32_t host = mapped_index::none;  // index of the goroutine on whose stack it lies
  std::uint64_t words[12] = {};
};

// Something found on a stack.
enum class reference_kind : std::uint8_t {
  handle_both,
  handle_send,
  handle_receive,
  pointer,
  into_stack
};
struct reference_record {
  std::uint32_t from;  // index of the goroutine on whose stack it is
  reference_kind kind;
  std::uint32_t into;  // into_stack: index of the other goroutine
  const void* object;  // what is referred to
};

struct snapshot_options {
  bool stacks = true;                       // frames
  bool running = true;                      // with `stacks`: of those that run, too
  bool references = false;                  // what their stacks refer to
  const frame_registers* caller = nullptr;  // of the goroutine that asks, for its own frames
  // Objects, a second look at who waits, and look-up by id: what verdicts need and counts do not.
  bool facts = true;
};

class snapshot {
 public:
  explicit snapshot(const snapshot_options& wanted) noexcept;

  mapped_array<goroutine_record> goroutines;
  mapped_array<case_record> cases;
  mapped_array<std::uintptr_t> frames;
  mapped_array<char> text;
  mapped_array<channel_record> channels;
  mapped_array<object_record> objects;
  mapped_array<context_record> contexts;
  mapped_array<reference_record> references;
  std::int64_t taken = 0;  // scheduler's clock
  bool complete = true;    // false: there was no memory for all

  std::uint32_t find(std::uint64_t id) const noexcept { return by_id_.find(id); }
  std::uint32_t find_owner(std::uint64_t owner) const noexcept;
  const channel_record* channel(const void* address) const noexcept;
  const object_record* object(const void* address) const noexcept;
  const context_record* context(const void* node) const noexcept;
  // Calls f(case_record) for the channel operations that g waits for.
  template <class F>
  void for_each_case(const goroutine_record& g, F&& f) const {
    if (g.reason == wait_reason::chan_send || g.reason == wait_reason::chan_receive)
      f(case_record{g.object, g.reason == wait_reason::chan_send});
    for (std::uint32_t i = 0; i < g.cases; ++i) f(cases[g.first_case + i]);
  }
  std::string_view name_of(const goroutine_record& g) const noexcept {
    return text.data() + g.name;
  }
  std::string_view labels_of(const goroutine_record& g) const noexcept {
    return {text.data() + g.labels, g.labels_size};
  }

 private:
  void copy_goroutine(const goroutine& from, bool facts) noexcept;
  void copy_cases(goroutine_record& g, const goroutine& from) noexcept;
  void copy_objects() noexcept;
  void copy_channel(const void* address) noexcept;
  // Whether the node, or what it hangs below, can still end. Looks once at each.
  bool can_end(const void* node) noexcept;
  void copy_stacks(const snapshot_options& wanted) noexcept;
  void copy_stack(std::uint32_t index, const snapshot_options& wanted,
                  mapped_array<std::uintptr_t>& copy) noexcept;
  void copy_running(goroutine_record& g, const goroutine& from, int& silent) noexcept;
  void confirm() noexcept;
  void copy_own_stack(goroutine_record& g, const frame_registers& from) noexcept;
  void find_references(std::uint32_t index, std::uintptr_t low, const std::uintptr_t* words,
                       std::size_t n) noexcept;
  std::uint32_t goroutine_with_stack(std::uintptr_t word) const noexcept;
  void keep(bool stored) noexcept { complete = complete && stored; }

  mapped_array<const goroutine*> origins_;  // of the records; descriptors are never unmapped
  mapped_index by_id_, by_slot_, by_channel_, by_object_, by_context_;
  mapped_array<std::uintptr_t> watched_;
  std::uintptr_t stacks_low_ = 0, stacks_high_ = 0;
};

}  // namespace rt
TAUT_END_NAMESPACE
