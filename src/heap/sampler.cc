// SPDX-License-Identifier: Apache-2.0
// The slow part of an allocation: taken once for a sample, and every 64 KiB to look whether the
// rate has changed.
//
// The gap between two samples is exponentially distributed, so it may be cut anywhere and the rest
// drawn anew: a thread asks after `look` bytes at the latest, and the chance that a block of n
// bytes is sampled is 1 - exp(-n / rate), whatever came before.
//
// Locks   tables_lock, over the tables and the buffer for stacks. The last of all: under it nothing
//         is called but the kernel. Not rt::lock, whose checks use a thread_local that the loader
//         may have to allocate. Signals are blocked meanwhile, so that a handler that allocates
//         does not meet its own thread's lock; fork's handlers keep it over the fork.
//
// Memory order
//   MO-1  acquire by the winning exchange, release by the store: pair with each other.
//   MO-2  relaxed peek while spinning.
#include "heap/sampler.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <utility>

#include "arch/eh_frame.h"
#include "arch/unwind.h"
#include "arch/unwind_modules.h"
#include "base/lock.h"
#include "sched/current.h"
#include "sched/goroutine.h"
#include "sched/worker.h"
#include "taut/heap.h"

TAUT_BEGIN_NAMESPACE
namespace heap {

// Never called: its address stands for the stacks that found no room.
[[gnu::noinline, gnu::used]] void stack_not_kept() { asm volatile("nop\n\tnop" ::: "memory"); }

}  // namespace heap

namespace rt {
namespace {

constexpr std::uint64_t look = std::uint64_t{64} << 10;
constexpr std::size_t default_rate = std::size_t{512} << 10;
// Room that a walk needs on a goroutine's stack; with less only the caller is remembered.
constexpr std::size_t walk_room = std::size_t{12} << 10;
// Frames of the hook and of this file, above which the caller stands.
constexpr std::size_t own_frames = 6;
// Most stacks of threads fit into a little; copying more costs several microseconds.
constexpr std::size_t copied_first = std::size_t{8} << 10;
constexpr std::size_t copied_stack = std::size_t{32} << 10;

constinit heap_samples samples(taut_heap_filter);
constinit std::atomic<std::size_t> rate_now{default_rate};
constinit std::atomic<bool> hooked{false};
constinit std::atomic<taut_heap_thread* (*)()> thread_of_caller{nullptr};

constinit std::atomic<bool> tables_lock{false};
alignas(16) constinit std::byte stack_copy[copied_stack] = {};  // guarded by tables_lock

void acquire_tables() noexcept {
  for (int spins = 0; tables_lock.exchange(true, std::memory_order_acquire);) {  // MO-1
    while (tables_lock.load(std::memory_order_relaxed)) {                        // MO-2
      if (++spins % 64 == 0) {
        ::sched_yield();
      } else {
        pause();
      }
    }
  }
}

void release_tables() noexcept { tables_lock.store(false, std::memory_order_release); }  // MO-1

// Faults of the thread itself stay as they are: blocked, they would kill it without a report.
sigset_t all_but_faults() noexcept {
  sigset_t set;
  ::sigfillset(&set);
  for (int s : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) ::sigdelset(&set, s);
  return set;
}

// The tables are this thread's as long as it lives.
class tables {
 public:
  explicit tables(taut_heap_thread* t) noexcept : t_(t), was_busy_(t->busy), error_(errno) {
    t_->busy = true;
    const sigset_t blocked = all_but_faults();
    ::pthread_sigmask(SIG_SETMASK, &blocked, &signals_);
    if (!t_->forking) acquire_tables();
  }
  ~tables() {
    if (!t_->forking) release_tables();
    ::pthread_sigmask(SIG_SETMASK, &signals_, nullptr);
    t_->busy = was_busy_;
    errno = error_;
  }
  tables(const tables&) = delete;
  tables& operator=(const tables&) = delete;

 private:
  taut_heap_thread* t_;
  bool was_busy_;
  int error_;
  sigset_t signals_;
};

// Bytes of the stack above sp that could be read: the kernel copies, for nobody knows where this
// stack ends. A page after the other, as a piece is copied whole or not at all.
std::size_t copy_stack(std::uintptr_t sp, std::size_t bytes) noexcept {
  constexpr std::size_t page = 4096, pieces = copied_stack / page + 1;
  iovec there[pieces];
  std::size_t n = 0;
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t size = std::min(page - (sp + done) % page, bytes - done);
    there[n++] = {reinterpret_cast<void*>(sp + done), size};
    done += size;
  }
  const iovec here{stack_copy, bytes};
  const ssize_t got = ::process_vm_readv(::getpid(), &here, 1, there, n, 0);
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

// The frame that this address returns to has no caller, or none that can be found.
bool outermost(std::uintptr_t return_address) noexcept {
  const module_table* modules = current_modules();
  const loaded_module* module = modules == nullptr ? nullptr : modules->find(return_address - 1);
  frame_row row;
  return module == nullptr || module->table.size == 0 ||
         (find_row(module->table, return_address - 1, row) &&
          row.rules[tracked_ra].kind == rule_kind::undefined);
}

std::size_t walk_copy(const frame_registers& here, std::uintptr_t* pcs,
                      std::size_t limit) noexcept {
  for (const std::size_t bytes : {copied_first, copied_stack}) {
    const std::size_t got = copy_stack(here.sp, bytes);
    const std::size_t n =
        got == 0 ? 0 : unwind_copy(here, {here.sp, here.sp + got}, stack_copy, pcs, limit);
    if (got < bytes || n == limit || bytes == copied_stack || outermost(pcs[n - 1])) return n;
  }
  return 0;
}

// The stack from `caller` on; under the lock.
[[gnu::noinline]] std::size_t capture(const void* caller, std::uintptr_t* pcs,
                                      std::size_t limit) noexcept {
  const frame_registers here = current_registers();
  const worker* w = current_worker();
  const goroutine* g = w == nullptr ? nullptr : w->current;
  const auto low = g == nullptr ? 0 : reinterpret_cast<std::uintptr_t>(g->stack_low);
  const auto high = g == nullptr ? 0 : reinterpret_cast<std::uintptr_t>(g->stack_high);
  std::size_t n = 0;
  if (here.sp >= low && here.sp < high) {
    if (here.sp - low > walk_room) n = unwind(here, {here.sp, high}, pcs, limit);
  } else {
    n = walk_copy(here, pcs, limit);
  }
  const auto from = reinterpret_cast<std::uintptr_t>(caller);
  std::uintptr_t* end = pcs + n;
  std::uintptr_t* first = std::find(pcs, pcs + std::min(n, own_frames), from);
  if (first == pcs + std::min(n, own_frames)) {  // the walk did not get there
    pcs[0] = from;
    return 1;
  }
  std::copy(first, end, pcs);
  return static_cast<std::size_t>(end - first);
}

std::uint64_t seed(const taut_heap_thread* t) noexcept {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto bits = static_cast<std::uint64_t>(now.tv_nsec) ^
                    static_cast<std::uint64_t>(now.tv_sec) << 30 ^
                    reinterpret_cast<std::uintptr_t>(t);
  return bits * 0x9e3779b97f4a7c15u | 1;
}

void before_fork() {
  taut_heap_thread* t = thread_of_caller.load()();
  acquire_tables();
  t->forking = true;
}

void after_fork() {
  taut_heap_thread* t = thread_of_caller.load()();
  t->forking = false;
  release_tables();
}

}  // namespace

const heap_samples& the_heap_samples() noexcept { return samples; }

unsampled::unsampled() noexcept : t_(nullptr) {
  taut_heap_thread* (*of_caller)() = thread_of_caller.load();
  if (of_caller == nullptr) return;
  t_ = of_caller();
  was_busy_ = std::exchange(t_->busy, true);
}

unsampled::~unsampled() {
  if (t_ != nullptr) t_->busy = was_busy_;
}

std::uint64_t sample_gap(std::uint64_t rate, std::uint64_t& random) noexcept {
  random ^= random << 13;
  random ^= random >> 7;
  random ^= random << 17;
  // In (0, 1].
  const double uniform = (static_cast<double>(random >> 11) + 1) * 0x1p-53;
  const double gap = -std::log(uniform) * static_cast<double>(rate);
  return static_cast<std::uint64_t>(std::min(gap, 0x1p62)) + 1;
}

bool decide_sample(taut_heap_thread& t, std::uint64_t left, std::uint64_t n,
                   std::uint64_t rate) noexcept {
  if (rate <= 1) {
    t.sample_next = false;
    t.left = rate == 1 ? 0 : look;
    return rate == 1;
  }
  bool sampled = t.sample_next;
  std::uint64_t gap = sample_gap(rate, t.random);
  if (!sampled) {
    const std::uint64_t rest = n - left;
    if (gap <= rest) {
      sampled = true;
      gap = sample_gap(rate, t.random);
    } else {
      gap -= rest;
    }
  }
  t.sample_next = gap <= look;
  t.left = std::min(gap - 1, look);
  return sampled;
}

}  // namespace rt

namespace heap {

bool sampling() noexcept { return rt::hooked.load(); }

std::size_t sample_rate() noexcept { return rt::rate_now.load(); }

void set_sample_rate(std::size_t bytes) noexcept {
  rt::rate_now = bytes;
  if (taut_heap_thread * (*of_caller)() = rt::thread_of_caller.load()) {
    taut_heap_thread* t = of_caller();
    t->left = 0;
    t->sample_next = false;
  }
}

losses lost() noexcept {
  return {rt::samples.without_stack.load(), rt::samples.without_block.load()};
}

}  // namespace heap
TAUT_END_NAMESPACE

extern "C" {

void taut_heap_allocated(taut_heap_thread* t, void* block, std::size_t n,
                         const void* caller) noexcept {
  using namespace taut::rt;
  const std::uint64_t left = t->left + n;
  if (t->busy || block == nullptr) {
    t->left = left;
    return;
  }
  if (t->random == 0) t->random = seed(t);
  if (!decide_sample(*t, left, n, rate_now.load())) return;
  const tables held(t);
  std::uintptr_t pcs[heap_samples::most_frames];
  const std::size_t frames = capture(caller, pcs, heap_samples::most_frames);
  samples.add(block, n, {pcs, frames},
              reinterpret_cast<std::uintptr_t>(taut::heap::stack_not_kept) + 1);
}

void taut_heap_freed(taut_heap_thread* t, void* block, taut_heap_block* was) noexcept {
  using namespace taut::rt;
  *was = {};
  if (!samples.may_have(block)) return;
  const tables held(t);
  const heap_sample taken = samples.take(block);
  *was = {taken.place, taken.size};
}

void taut_heap_kept(taut_heap_thread* t, void* block, const taut_heap_block* was) noexcept {
  using namespace taut::rt;
  if (was->place == nullptr) return;
  const tables held(t);
  samples.put_back(block, {static_cast<heap_place*>(was->place), was->size});
}

void taut_heap_start(taut_heap_thread* (*of_caller)()) noexcept {
  using namespace taut::rt;
  thread_of_caller = of_caller;
  hooked = true;
  refresh_modules();
  ::pthread_atfork(before_fork, after_fork, after_fork);
}
}
