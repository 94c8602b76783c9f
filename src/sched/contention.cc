// SPDX-License-Identifier: Apache-2.0
// The table: open addressing, insert only, without a lock, since those who add to it are what it
// measures. A slot belongs to the first who claims its key, by compare-and-swap; that one writes
// the frames and then publishes them, while others add to the counters already. Two stacks with the
// same 64 bits of hash would be taken for one.
//
// Invariants
//   A slot's key changes once, from 0.   frames and kind do not change once `ready`.
//   Counters only grow; `count` is in 1/65536, for samples have fractional weights.
//
// Memory order: sequentially consistent; it costs less than the walk.
//   MO-1  as in contention.h.
#include "sched/contention.h"

#include <sys/mman.h>

#include <algorithm>

#include "base/handoff.h"
#include "sched/own_stack.h"
#include "sched/registry.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

std::atomic<std::int64_t> block_profile_rate{0};
std::atomic<std::uint32_t> mutex_profile_fraction{0};

namespace {

constexpr std::size_t most_frames = 128;
constexpr std::size_t slots = 8192;  // 9 MB of addresses, touched as places are met
constexpr std::size_t most_probes = 64;
constexpr double one = 65536;

struct slot {
  std::atomic<std::uint64_t> key;
  std::atomic<std::uint64_t> count;
  std::atomic<std::int64_t> nanoseconds;
  std::atomic<bool> ready;
  contention kind;
  std::uint16_t frames;
  std::uintptr_t pcs[most_frames];
};

std::atomic<slot*> table{nullptr};
std::atomic<std::uint64_t> lost{0};

bool make_table() noexcept {
  if (table.load() != nullptr) return true;
  void* p = ::mmap(nullptr, slots * sizeof(slot), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return false;
  slot* expected = nullptr;
  if (!table.compare_exchange_strong(expected, static_cast<slot*>(p)))
    ::munmap(p, slots * sizeof(slot));
  return true;
}

std::uint64_t mixed(std::uint64_t x) noexcept {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

// Not a worker's generator: schedules that replay draw from those.
std::uint64_t random_number() noexcept {
  static std::atomic<std::uint64_t> state{1};
  constexpr std::uint64_t step = 0x9e3779b97f4a7c15u;
  return mixed(state.fetch_add(step));
}

slot* slot_for(contention kind, const std::uintptr_t* frames, std::size_t n) noexcept {
  slot* const all = table.load();
  if (all == nullptr || n == 0) return nullptr;
  std::uint64_t key = static_cast<std::uint64_t>(kind) + 1;
  for (std::size_t i = 0; i < n; ++i) key = mixed(key ^ frames[i]) + i;
  if (key == 0) key = 1;
  for (std::size_t probe = 0; probe < most_probes; ++probe) {
    slot& s = all[(key + probe) % slots];
    std::uint64_t found = s.key.load();
    if (found == key) return &s;
    if (found != 0) continue;
    if (s.key.compare_exchange_strong(found, key)) {
      s.kind = kind;
      s.frames = static_cast<std::uint16_t>(n);
      {
        const unseen_section unseen;  // published by `ready`
        std::copy_n(frames, n, s.pcs);
      }
      s.ready.store(true);
      return &s;
    }
    if (found == key) return &s;
  }
  return nullptr;
}

TAUT_NOINLINE void add(contention kind, double count, double nanoseconds) noexcept {
  std::uintptr_t frames[most_frames];
  slot* s = slot_for(kind, frames, own_frames(frames, most_frames));
  if (s == nullptr) {
    lost.fetch_add(1);
    return;
  }
  s->count.fetch_add(static_cast<std::uint64_t>(count * one));
  s->nanoseconds.fetch_add(static_cast<std::int64_t>(nanoseconds));
}

}  // namespace

bool set_block_rate(std::int64_t nanoseconds) noexcept {
  if (nanoseconds > 0 && !make_table()) return false;
  block_profile_rate.store(std::max<std::int64_t>(nanoseconds, 0));
  // The registry looks at the rate after it has shown new descriptors: one of both sees the other.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  // Until the rate is what was told to all: another may be setting it.
  for (bool told = !blocks_are_profiled(); told != blocks_are_profiled();) {
    told = blocks_are_profiled();
    the_registry().for_each([told](goroutine& g) { g.parks_slowly.store(told || g.is_thread); });
  }
  return true;
}

bool set_mutex_fraction(std::uint32_t n) noexcept {
  if (n > 0 && !make_table()) return false;
  mutex_profile_fraction.store(n);
  return true;
}

void note_blocked(std::int64_t nanoseconds) noexcept {
  const std::int64_t rate = block_profile_rate.load();
  const std::int64_t took = std::max<std::int64_t>(nanoseconds, 1);
  if (rate == 0) return;
  if (took >= rate) return add(contention::block, 1, static_cast<double>(took));
  if (random_number() % static_cast<std::uint64_t>(rate) >= static_cast<std::uint64_t>(took))
    return;
  add(contention::block, static_cast<double>(rate) / static_cast<double>(took),
      static_cast<double>(rate));
}

void note_mutex(contention kind, std::int64_t nanoseconds, std::uint64_t events) noexcept {
  const std::uint32_t fraction = mutex_profile_fraction.load();
  if (fraction == 0 || random_number() % fraction != 0) return;
  const double weight = fraction;
  add(kind, weight * static_cast<double>(events),
      weight * static_cast<double>(std::max<std::int64_t>(nanoseconds, 0)));
}

void for_each_contention(void (*f)(void* argument, const contention_place& p), void* argument) {
  const slot* const all = table.load();
  for (std::size_t i = 0; all != nullptr && i < slots; ++i) {
    const slot& s = all[i];
    if (!s.ready.load()) continue;
    f(argument, {s.kind,
                 {s.pcs, s.frames},
                 static_cast<std::int64_t>(static_cast<double>(s.count.load()) / one + 0.5),
                 s.nanoseconds.load()});
  }
}

std::size_t contention_places(bool block) noexcept {
  std::size_t n = 0;
  const slot* const all = table.load();
  for (std::size_t i = 0; all != nullptr && i < slots; ++i)
    n += all[i].ready.load() && (all[i].kind == contention::block) == block;
  return n;
}

std::uint64_t contentions_lost() noexcept { return lost.load(); }

}  // namespace rt
TAUT_END_NAMESPACE
