// SPDX-License-Identifier: Apache-2.0
// Reading races with everybody on purpose; functions that read plain data of others are not
// instrumented. See snapshot.h for why what is kept is consistent.
//
// Memory order
//   MO-1  acquire of state and dispatches, and acquire fence before their second look. Pairs with
//         the release of park.cc (state), count_up_release() in dispatch.h and park.cc, and the
//         fence of spawn.cc (id).
//   MO-2  relaxed: facts, validated by these.
#include "diag/snapshot.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "arch/context.h"
#include "arch/stack.h"
#include "base/clock.h"
#include "chan/chan_core.h"
#include "context/context_node.h"
#include "diag/safe_memory.h"
#include "sched/current.h"
#include "sched/labels.h"
#include "sched/place.h"
#include "sched/registry.h"
#include "sched/runtime_state.h"
#include "sync/owner.h"
#include "taut/condition.h"
#include "taut/detail/handle.h"
#include "taut/mutex.h"
#include "taut/scope.h"
#include "taut/semaphore.h"
#include "taut/shared_mutex.h"
#include "taut/wait_group.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::size_t most_frames = 512;
constexpr std::size_t most_stack = std::size_t{1} << 20;  // bytes copied of one stack, from its
                                                          // pointer up
constexpr std::size_t most_contexts = 256;                // one above the other
// Fields of a struct lie around it: how far from an object's address a pointer may point and still
// mean it.
constexpr std::uintptr_t pointer_reach_below = 1024, pointer_reach_above = 64;

// Not memcpy: sanitizers would check a stack that is not theirs to check.
TAUT_NO_SANITIZE void copy_words(std::uintptr_t* to, const std::uintptr_t* from,
                                 std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    to[i] = from[i];
    asm volatile("" ::: "memory");
  }
}

std::uint64_t key_of(const void* p) noexcept { return reinterpret_cast<std::uintptr_t>(p); }

bool on_channel(wait_reason r) noexcept {
  return r == wait_reason::chan_send || r == wait_reason::chan_receive;
}

bool on_object(wait_reason r) noexcept {
  switch (r) {
    case wait_reason::cond_wait:
    case wait_reason::mutex_lock:
    case wait_reason::rwmutex_rlock:
    case wait_reason::rwmutex_lock:
    case wait_reason::wait_group_wait:
    case wait_reason::semacquire:
    case wait_reason::scope_join:
    case wait_reason::scope_enter:
      return true;
    default:
      return false;
  }
}

// How much of the object is looked at: no more than there is.
std::size_t size_of(wait_reason r) noexcept {
  switch (r) {
    case wait_reason::mutex_lock:
      return sizeof(mutex);
    case wait_reason::rwmutex_lock:
    case wait_reason::rwmutex_rlock:
      return sizeof(shared_mutex);
    case wait_reason::cond_wait:
      return sizeof(condition);
    case wait_reason::wait_group_wait:
      return sizeof(wait_group);
    case wait_reason::scope_join:
    case wait_reason::scope_enter:
      return sizeof(scope);
    default:
      return sizeof(semaphore);
  }
}

// Of a channel that may be gone, its block something else's by now: then its byte may be any.
TAUT_NO_SANITIZE bool flag_of(const void* flag) noexcept {
  return *static_cast<const volatile unsigned char*>(flag) != 0;
}

TAUT_NO_SANITIZE fact_record fact_of(const chan_fact& f) noexcept {
  return {detail::owner_of(f.owner.load(std::memory_order_relaxed)),  // MO-2
          f.where.load(std::memory_order_relaxed)};                   // MO-2
}

// Of a signature and its place, which are written one after the other: read until they fit. They
// always do of a channel that nobody uses meanwhile.
TAUT_NO_SANITIZE fact_record fact_of(const std::atomic<std::uint64_t>& signature,
                                     const std::atomic<site>& where) noexcept {
  const std::uint64_t ids = the_runtime().last_id.load(std::memory_order_relaxed);  // MO-2
  for (int tries = 0; tries < 4; ++tries) {
    const std::uint64_t signed_by =
        signature.load(std::memory_order_relaxed) & ~chan_core::looks;  // MO-2
    const site at = where.load(std::memory_order_relaxed);              // MO-2
    if (signed_by == 0) return {};
    const std::uint64_t state = signer_of(signed_by, at), id = detail::owner_of(state);
    if (state == detail::state_of(id) && id <= ids) return {id, at};
  }
  return {};
}

// Told by the queue that its waiter is in; null when it is in none any more.
TAUT_NO_SANITIZE const void* channel_of_wait(const goroutine& g, wait_reason r) noexcept {
  const auto* const queue =
      static_cast<const std::byte*>(const_cast<void* const volatile&>(g.single.queue));
  if (queue == nullptr) return nullptr;
  return queue - (r == wait_reason::chan_send ? offsetof(chan_core, senders)
                                              : offsetof(chan_core, receivers));
}

TAUT_NO_SANITIZE leaving_record leaving_of(const chan_leaving& l) noexcept {
  return {fact_of(l.by), l.after.load(std::memory_order_relaxed),  // MO-2
          static_cast<std::uint8_t>(l.why())};
}

}  // namespace

TAUT_NO_SANITIZE void snapshot::copy_goroutine(const goroutine& from, bool facts) noexcept {
  goroutine_record g;
  g.dispatches = from.dispatches.load(std::memory_order_acquire);  // MO-1
  g.state = from.seen_state();
  g.id = from.id.load(std::memory_order_relaxed);  // MO-2
  g.is_thread = from.is_thread;
  if (from.system) return;
  if (g.is_thread) {
    // A thread is of interest only while it waits.
    if (!g.waits()) return;
    g.id = first_thread_id + from.slot + 1;
  } else if (g.id == 0) {
    return;
  }
  g.owner = g.is_thread ? thread_owner | (from.slot + std::uint64_t{1}) : g.id;
  g.parent = from.parent;
  g.created = from.created;
  if (g.waits()) {
    g.reason = from.reason();
    if (on_channel(g.reason)) {
      g.object = channel_of_wait(from, g.reason);
    } else if (g.reason != wait_reason::select) {
      g.object = from.wait_object.load(std::memory_order_relaxed);  // MO-2
    }
    g.waits_at = from.wait_site.load(std::memory_order_relaxed);  // MO-2
    g.since = from.wait_since();
    if (on_channel(g.reason) && g.object == nullptr) {
      // Taken out of the queue since the look at its state.
      if (g.is_thread) return;
      g.state = goroutine_state::runnable;
      g.reason = wait_reason::none;
    }
  }
  g.pinned = from.pinned;
  g.bound_to = from.bound;
  g.sp = reinterpret_cast<std::uintptr_t>(const_cast<void* const volatile&>(from.sp));
  g.stack_low = reinterpret_cast<std::uintptr_t>(from.stack_low);
  g.stack_high = reinterpret_cast<std::uintptr_t>(from.stack_high);
  g.mine = &from == current_goroutine_or_null();
  g.linked = from.is_linked();
  if (facts && g.waits() && g.reason == wait_reason::select) copy_cases(g, from);
  if (facts && g.waits()) {
    const std::uint8_t ends = from.wait_mask.load(std::memory_order_relaxed);  // MO-2
    g.limited = (ends & interrupt::deadline) != 0 ||
                ((ends & interrupt::bound) != 0 && can_end(g.bound_to)) ||
                ((ends & interrupt::context) != 0 &&
                 can_end(from.wait_context.load(std::memory_order_relaxed)));  // MO-2
  }
  std::atomic_thread_fence(std::memory_order_acquire);  // MO-1
  if (facts && g.waits() &&
      from.dispatches.load(std::memory_order_relaxed) != g.dispatches) {  // MO-1
    // It moved on meanwhile: what was read may be of two waits, and its object no object.
    if (g.is_thread) return;
    g.dispatches = 0;
    g.state = goroutine_state::running;
    g.reason = wait_reason::none;
    g.object = nullptr;
    g.cases = 0;
  }
  char name[sizeof from.name];
  for (std::size_t i = 0; i < sizeof name; ++i)
    name[i] = const_cast<const volatile char&>(from.name[i]);
  name[sizeof name - 1] = 0;
  if (name[0] != 0) {
    g.name = static_cast<std::uint32_t>(text.size());
    keep(text.append(name, std::strlen(name) + 1));
  }
  if (const label_set* labels = from.labels; labels != nullptr && !g.is_thread) {
    label_set copy;
    if (read_memory(labels->text, copy.text, sizeof copy.text)) {
      g.labels_size = std::min<std::uint32_t>(labels->used, sizeof copy.text);
      copy.text[sizeof copy.text - 1] = 0;
      g.labels = static_cast<std::uint32_t>(text.size());
      keep(text.append(copy.text, g.labels_size));
    }
  }
  const auto index = static_cast<std::uint32_t>(goroutines.size());
  // One too long when there was no memory for the last record.
  if (!origins_.resize(index) || !origins_.push_back(&from) || !goroutines.push_back(g))
    return keep(false);
  if (facts) keep(by_id_.insert(g.id, index) && by_slot_.insert(key_of(&from), index));
}

// The cases lie in memory of the waiting goroutine: it is there while the goroutine waits, which
// the last pass confirms.
TAUT_NO_SANITIZE void snapshot::copy_cases(goroutine_record& g, const goroutine& from) noexcept {
  const std::uint32_t n = from.wait_cases;
  const auto* list = static_cast<const detail::select_case*>(from.wait_case_list);
  if (n > detail::max_select_cases) return;
  g.first_case = static_cast<std::uint32_t>(cases.size());
  detail::select_case some[64];
  for (std::uint32_t at = 0; at < n; at += 64) {
    const std::size_t here = std::min<std::size_t>(64, n - at);
    if (!read_memory(list + at, some, here * sizeof some[0])) {
      g.linked = false;
      return;
    }
    for (std::size_t i = 0; i < here; ++i) {
      keep(cases.push_back({some[i].channel, some[i].sends}));
      ++g.cases;
    }
  }
}

TAUT_NO_SANITIZE void snapshot::copy_channel(const void* address) noexcept {
  if (address == nullptr || by_channel_.find(key_of(address)) != mapped_index::none) return;
  const auto& from = *static_cast<const chan_core*>(address);
  channel_record c;
  c.address = address;
  // The handles first: a typed channel is closed before its last sender stops counting.
  const std::uint64_t handles = from.handles.load(std::memory_order_acquire);  // MO-1
  c.senders = detail::senders_of(handles);
  c.receivers = detail::receivers_of(handles);
  c.alive = handles != 0 || flag_of(&from.orphan);  // a freed block stays mapped
  c.closed = flag_of(&from.closed);
  std::atomic_thread_fence(std::memory_order_acquire);  // MO-1
  c.of_context = flag_of(&from.of_context);
  c.typed = flag_of(&from.typed);
  c.length = from.count.load(std::memory_order_relaxed);  // MO-2
  c.capacity = from.capacity;
  c.sends = sends_of(from);
  c.receives = from.receives.load(std::memory_order_relaxed);  // MO-2
  c.last_send = fact_of(from.sender, from.sent_at);
  c.previous_send = fact_of(from.previous_sender, from.previously_sent_at);
  c.last_receive = fact_of(from.receiver, from.received_at);
  c.receiver_left = leaving_of(from.left[0]);
  c.sender_left = leaving_of(from.left[1]);
  c.sender_left.after += c.capacity;
  c.closer = fact_of(from.closer);
  c.endless = c.of_context && c.senders != 0 && !can_end(from.feeder);
  // Ticked is said after who waited was taken out, which the last pass sees.
  c.spent = flag_of(&from.timer_channel) && from.no_receiver != nullptr && c.length == 0 &&
            flag_of(&from.ticked);
  std::atomic_thread_fence(std::memory_order_acquire);             // MO-1
  c.dropped_at = from.dropped_at.load(std::memory_order_relaxed);  // MO-2
  c.made = from.made;
  c.maker = from.maker;
  const auto index = static_cast<std::uint32_t>(channels.size());
  keep(channels.push_back(c) && by_channel_.insert(key_of(address), index));
}

void snapshot::copy_objects() noexcept {
  for (const goroutine_record& g : goroutines) {
    if (!g.waits()) continue;
    if (on_channel(g.reason)) copy_channel(g.object);
    for (std::uint32_t i = 0; i < g.cases; ++i) copy_channel(cases[g.first_case + i].channel);
    if (!on_object(g.reason) || g.object == nullptr || object(g.object) != nullptr) continue;
    object_record o;
    o.address = g.object;
    o.reason = g.reason;
    o.host = goroutine_with_stack(key_of(g.object));
    o.readable = read_memory(g.object, o.words, std::min(size_of(g.reason), sizeof o.words));
    const auto index = static_cast<std::uint32_t>(objects.size());
    keep(objects.push_back(o) && by_object_.insert(key_of(g.object), index));
  }
}

std::uint32_t snapshot::goroutine_with_stack(std::uintptr_t word) const noexcept {
  const goroutine_slab* slab = the_registry().find_stack(word);
  if (slab == nullptr) return mapped_index::none;
  const std::size_t slot = (word - key_of(slab->stacks.base)) / slab->stacks.stride();
  return by_slot_.find(key_of(slab->descriptors + slot));
}

TAUT_NO_SANITIZE void snapshot::find_references(std::uint32_t index, std::uintptr_t low,
                                                const std::uintptr_t* words,
                                                std::size_t n) noexcept {
  const goroutine_record& me = goroutines[index];
  std::uint32_t last_into = mapped_index::none;
  for (std::size_t i = 0; i < n; ++i) {
    const std::uintptr_t word = words[i];
    if (word < 4096) continue;
    if (i + 1 < n && words[i + 1] != 0) {
      const auto at = reinterpret_cast<const void*>(low + i * sizeof word);
      const std::uintptr_t tag = words[i + 1] - detail::handle_image::check_for(word, at);
      if (tag <= 2 && by_channel_.find(word) != mapped_index::none) {
        keep(references.push_back(
            {index, static_cast<reference_kind>(tag), 0, reinterpret_cast<const void*>(word)}));
        continue;
      }
    }
    if (word >= stacks_low_ && word < stacks_high_ &&
        (word < me.stack_low || word > me.stack_high)) {
      const std::uint32_t other = goroutine_with_stack(word);
      if (other != mapped_index::none && other != last_into && word >= goroutines[other].sp) {
        last_into = other;
        keep(references.push_back(
            {index, reference_kind::into_stack, other, reinterpret_cast<const void*>(word)}));
      }
    }
    for (const std::uintptr_t* o =
             std::lower_bound(watched_.begin(), watched_.end(), word - pointer_reach_above);
         o != watched_.end() && *o <= word + pointer_reach_below; ++o) {
      keep(references.push_back(
          {index, reference_kind::pointer, 0, reinterpret_cast<const void*>(*o)}));
    }
  }
}

TAUT_NO_SANITIZE void snapshot::copy_own_stack(goroutine_record& g,
                                               const frame_registers& from) noexcept {
  std::uintptr_t pcs[most_frames];
  const std::size_t n =
      unwind(from, {std::max(from.sp, g.stack_low), g.stack_high}, pcs, most_frames);
  g.first_frame = static_cast<std::uint32_t>(frames.size());
  keep(frames.append(pcs, n));
  g.frames = static_cast<std::uint32_t>(n);
}

TAUT_NO_SANITIZE void snapshot::copy_stacks(const snapshot_options& wanted) noexcept {
  mapped_array<std::uintptr_t> copy;
  if (wanted.references) {
    stacks_low_ = ~std::uintptr_t{0};
    for (const goroutine_record& g : goroutines) {
      if (g.stack_low == 0) continue;
      stacks_low_ = std::min(stacks_low_, g.stack_low);
      stacks_high_ = std::max(stacks_high_, g.stack_high);
    }
    // Locks are judged by their owners: no need to look for who else knows them.
    for (const object_record& o : objects) {
      if (o.reason != wait_reason::mutex_lock)
        keep(watched_.push_back(reinterpret_cast<std::uintptr_t>(o.address)));
    }
    std::sort(watched_.begin(), watched_.end());
  }
  // What is read next lies far apart: by then it is on its way.
  constexpr std::size_t ahead = 8;
  for (std::uint32_t index = 0; index < goroutines.size(); ++index) {
    if (index + ahead < goroutines.size()) {
      const auto* stack = reinterpret_cast<const char*>(goroutines[index + ahead].sp);
      for (std::size_t line = 0; line < 512 && stack != nullptr; line += 64)
        __builtin_prefetch(stack + line);
      __builtin_prefetch(&origins_[index + ahead]->dispatches);
    }
    copy_stack(index, wanted, copy);
  }
  int silent = 0;
  for (std::uint32_t index = 0; index < goroutines.size(); ++index) {
    goroutine_record& g = goroutines[index];
    if (wanted.stacks && wanted.running && g.frames == 0 && !g.is_thread)
      copy_running(g, *origins_[index], silent);
  }
}

TAUT_NO_SANITIZE void snapshot::copy_running(goroutine_record& g, const goroutine& from,
                                             int& silent) noexcept {
  constexpr int most_silent = 2;
  if (g.state != goroutine_state::running && g.state != goroutine_state::blocking) return;
  std::uintptr_t pcs[most_frames];
  std::size_t n = 0;
  the_runtime().for_each_worker([&](const worker* w) {
    if (n == 0 && silent < most_silent)
      n = frames_of_running(*w, from, g.id, pcs, most_frames, silent);
  });
  g.first_frame = static_cast<std::uint32_t>(frames.size());
  keep(frames.append(pcs, n));
  g.frames = static_cast<std::uint32_t>(n);
}

TAUT_NO_SANITIZE void snapshot::copy_stack(std::uint32_t index, const snapshot_options& wanted,
                                           mapped_array<std::uintptr_t>& copy) noexcept {
  const goroutine& from = *origins_[index];
  goroutine_record& g = goroutines[index];
  if (g.mine && wanted.caller != nullptr) copy_own_stack(g, *wanted.caller);
  if (g.is_thread) {
    std::atomic_thread_fence(std::memory_order_acquire);  // MO-1
    g.stable =
        g.waits() && from.dispatches.load(std::memory_order_relaxed) == g.dispatches;  // MO-1
    return;
  }
  const auto sp = reinterpret_cast<std::uintptr_t>(const_cast<void* const volatile&>(from.sp));
  std::atomic_thread_fence(std::memory_order_acquire);  // MO-1
  const bool saved = const_cast<worker* const volatile&>(from.home) != nullptr && sp % 8 == 0 &&
                     sp >= g.stack_low && sp + context_size <= g.stack_high;
  std::uintptr_t low = 0;
  std::size_t bytes = 0;
  if (saved &&
      (g.waits() ? wanted.stacks || wanted.references : wanted.stacks && !wanted.references)) {
    low = sp;
    bytes = std::min<std::size_t>(g.stack_high - sp, most_stack);
  } else if (g.mine && wanted.references && wanted.caller != nullptr) {
    // Above the frames that look: those know everybody.
    low = wanted.caller->sp;
    bytes = std::min<std::size_t>(g.stack_high - low, most_stack);
  } else if (wanted.references) {
    // It runs, or may at once: what its stack ever held counts as its own.
    bytes = std::min<std::size_t>(touched_stack(reinterpret_cast<std::byte*>(g.stack_low),
                                                reinterpret_cast<std::byte*>(g.stack_high)),
                                  most_stack);
    low = g.stack_high - bytes;
  }
  if (bytes != 0 && !copy.resize(bytes / sizeof(std::uintptr_t))) return keep(false);
  if (bytes != 0)
    copy_words(copy.data(), reinterpret_cast<const std::uintptr_t*>(low), copy.size());
  std::atomic_thread_fence(std::memory_order_acquire);  // MO-1
  // One that ended has the dispatches that it had, and a saved stack pointer, but not its id.
  const bool has_not_run =
      saved && from.dispatches.load(std::memory_order_relaxed) == g.dispatches &&  // MO-1
      from.id.load(std::memory_order_relaxed) == g.id;                             // MO-1
  g.stable = has_not_run && g.waits() && from.is_linked();
  g.sp = g.stable ? sp : g.stack_low;
  if (has_not_run && wanted.stacks && low <= sp && sp + context_size <= low + bytes) {
    const auto* bytes_of = reinterpret_cast<const std::byte*>(copy.data()) + (sp - low);
    const saved_registers at = registers_of(sp, bytes_of);
    frame_registers registers{at.pc, at.sp, at.fp};
    registers.exact = false;
    std::uintptr_t pcs[most_frames];
    const std::size_t n = unwind_copy(registers, {sp, low + bytes}, bytes_of, pcs, most_frames);
    g.first_frame = static_cast<std::uint32_t>(frames.size());
    keep(frames.append(pcs, n));
    g.frames = static_cast<std::uint32_t>(n);
  }
  if (wanted.references && bytes != 0) find_references(index, low, copy.data(), copy.size());
}

// Who was woken while the stacks were read may have been woken by what was not found on them any
// more.
TAUT_NO_SANITIZE void snapshot::confirm() noexcept {
  std::atomic_thread_fence(std::memory_order_acquire);  // MO-1
  for (std::uint32_t index = 0; index < goroutines.size(); ++index) {
    const goroutine& from = *origins_[index];
    goroutine_record& g = goroutines[index];
    const bool linked = from.is_linked();
    g.linked = g.linked && linked;
    g.stable = g.stable && linked &&
               from.dispatches.load(std::memory_order_relaxed) == g.dispatches;  // MO-1
  }
}

snapshot::snapshot(const snapshot_options& wanted) noexcept {
  taken = now();
  keep(text.push_back(0));
  the_registry().for_each([&](const goroutine& g) { copy_goroutine(g, wanted.facts); });
  if (wanted.facts) copy_objects();
  copy_stacks(wanted);
  if (wanted.facts) confirm();
}

std::uint32_t snapshot::find_owner(std::uint64_t owner) const noexcept {
  if ((owner & thread_owner) != 0) return find(first_thread_id + (owner & ~thread_owner));
  return owner == 0 ? mapped_index::none : find(owner);
}

// Nodes are read by the kernel's copy: one whose goroutine moves on may be gone. While a goroutine
// waits, it holds the node that may end its wait, and each node holds its parent.
TAUT_NO_SANITIZE bool snapshot::can_end(const void* node) noexcept {
  std::uint32_t way[most_contexts];
  std::size_t levels = 0;
  bool ends = false;
  while (!ends && node != nullptr) {
    std::uint32_t known = by_context_.find(key_of(node));
    if (known == mapped_index::none) {
      alignas(detail::context_node) std::byte raw[sizeof(detail::context_node)];
      ends = levels == most_contexts || !read_memory(node, raw, sizeof raw);
      if (ends) break;
      node = reinterpret_cast<const detail::context_node*>(raw)->ender;
      if (node == nullptr) break;
      known = by_context_.find(key_of(node));
    }
    if (known != mapped_index::none) {
      ends = contexts[known].can_end;
      break;
    }
    alignas(canceler_node) std::byte raw[sizeof(canceler_node)];
    ends = !read_memory(node, raw, sizeof raw);
    if (ends) break;
    const auto* n = reinterpret_cast<const canceler_node*>(raw);
    ends = n->state.load(std::memory_order_relaxed) != context_state::live ||    // MO-2
           n->handle.load(std::memory_order_relaxed) == cancel_handle::alive ||  // MO-2
           n->timed || n->kind == context_kind::stop_token || n->kind == context_kind::signal;
    // Taken to end until the way up is known: what is no tree, because it is gone, stops here.
    way[levels++] = static_cast<std::uint32_t>(contexts.size());
    keep(contexts.push_back({node, n->made, n->maker, true}) &&
         by_context_.insert(key_of(node), way[levels - 1]));
    if (!complete) return true;
    node = n->parent;
  }
  for (std::size_t i = 0; i < levels; ++i) contexts[way[i]].can_end = ends;
  return ends;
}

const context_record* snapshot::context(const void* node) const noexcept {
  const std::uint32_t i = node == nullptr ? mapped_index::none : by_context_.find(key_of(node));
  return i == mapped_index::none ? nullptr : &contexts[i];
}

const channel_record* snapshot::channel(const void* address) const noexcept {
  const std::uint32_t i =
      address == nullptr ? mapped_index::none : by_channel_.find(key_of(address));
  return i == mapped_index::none ? nullptr : &channels[i];
}

const object_record* snapshot::object(const void* address) const noexcept {
  const std::uint32_t i =
      address == nullptr ? mapped_index::none : by_object_.find(key_of(address));
  return i == mapped_index::none ? nullptr : &objects[i];
}

}  // namespace rt
TAUT_END_NAMESPACE
