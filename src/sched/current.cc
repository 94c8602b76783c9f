// SPDX-License-Identifier: Apache-2.0
#include "sched/current.h"

#include "base/check.h"
#include "base/lock.h"
#include "sched/goroutine.h"
#include "sched/registry.h"
#include "sched/runtime_state.h"
#include "sched/worker.h"

// Initial-exec, so that the accessor in current.h can address it; 24 bytes of every thread's static
// block.
extern "C" {
__attribute__((tls_model("initial-exec"),
               visibility("hidden"))) thread_local taut_thread_block taut_this_thread{
    nullptr, nullptr, taut::rt::look_closer};
}

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

// Gives a foreign thread's stand-in back when the thread ends.
struct stand_in_owner {
  ~stand_in_owner() {
    taut_thread_block* block = thread_block();
    auto* g = static_cast<goroutine*>(block->thread);
    if (g == nullptr) return;
    block->thread = nullptr;
    delete g->thread_note;
    g->thread_note = nullptr;
    g->id.store(0);
    the_registry().give_thread(g);
  }
};
thread_local stand_in_owner this_thread_stand_in;
thread_local held_locks this_thread_held;

TAUT_COLD goroutine* make_stand_in(taut_thread_block* block) noexcept {
  goroutine* g = the_registry().take_thread();
  if (g == nullptr) fatal("no memory for the stand-in of a thread");
  g->thread_note = new note;
  g->set_state(goroutine_state::runnable);
  g->interrupts.store(0);
  g->sanitizer.begin_thread();
  block->thread = g;
  asm volatile("" ::"r"(&this_thread_stand_in) : "memory");  // registers its destructor
  return g;
}

}  // namespace

TAUT_NOINLINE held_locks& current_held_locks() noexcept {
  held_locks* h = &this_thread_held;
  asm volatile("" : "+r"(h)::"memory");
  return *h;
}

#if defined(TAUT_TSAN)
worker* current_worker() noexcept { return static_cast<worker*>(thread_block()->worker); }
std::uint64_t thread_owner_state() noexcept { return thread_block()->owner.load(); }
#endif

goroutine* current_goroutine_or_null() noexcept {
  worker* w = current_worker();
  return w == nullptr ? nullptr : w->current;
}

goroutine* current_goroutine() noexcept {
  taut_thread_block* block = thread_block();
  if (auto* w = static_cast<worker*>(block->worker);
      TAUT_LIKELY(w != nullptr && w->current != nullptr)) {
    return w->current;
  }
  auto* g = static_cast<goroutine*>(block->thread);
  return TAUT_LIKELY(g != nullptr) ? g : make_stand_in(block);
}

void set_current_worker(worker* w) noexcept {
  taut_thread_block* block = thread_block();
  block->worker = w;
  block->owner.store(look_closer);
  if (w == nullptr) return;
  w->owner.store(w->runtime->wanted.perturb_seed != 0 ? &w->hidden_owner : &block->owner);
}

}  // namespace rt
TAUT_END_NAMESPACE
