// SPDX-License-Identifier: Apache-2.0
// Samples on their way from signal handlers to the thread that collects them: a bounded queue,
// lock-free, in memory of its own. A handler that finds it full drops its sample.
//
// Each slot has a sequence number: equal to a position, the slot is free for that position's
// sample; one more, it holds it. Handlers take positions by compare-and-swap, and write the slot
// before they publish it, so a thread that is stopped within its handler delays the collector but
// no other handler.
#pragma once

#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct cpu_sample {
  static constexpr std::size_t most_frames = 64;
  static constexpr std::size_t most_labels = 240;  // as label_set::text

  std::uint64_t goroutine;  // id; 0: the thread ran none
  int tid;
  std::uint16_t frames;
  std::uint16_t labels;             // bytes
  std::uintptr_t pcs[most_frames];  // return addresses, leaf first
  char name[32];                    // the goroutine's
  char label_text[most_labels];     // as label_set::text
};

class sample_ring {
 public:
  // About a second's worth for a hundred busy processors.
  static constexpr std::size_t slots = 8192;

  constexpr sample_ring() noexcept = default;
  sample_ring(const sample_ring&) = delete;
  sample_ring& operator=(const sample_ring&) = delete;

  // Makes it empty. False without memory. No handler may use it meanwhile.
  bool reset() noexcept {
    if (slots_ == nullptr) {
      void* p = ::mmap(nullptr, slots * sizeof(slot), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (p == MAP_FAILED) return false;
      slots_ = static_cast<slot*>(p);
    } else {
      ::madvise(slots_, slots * sizeof(slot), MADV_DONTNEED);
    }
    for (std::size_t i = 0; i < slots; ++i) slots_[i].sequence.store(i);
    head_.store(0);
    tail_ = 0;
    return true;
  }

  // Any thread, signal handlers included: fill(cpu_sample&) writes the sample. False: full.
  template <class Fill>
  bool put(Fill&& fill) noexcept {
    std::uint64_t at = head_.load();
    for (;;) {
      slot& s = slots_[at % slots];
      const std::uint64_t sequence = s.sequence.load();
      if (sequence == at) {
        if (!head_.compare_exchange_weak(at, at + 1)) continue;
        fill(s.sample);
        s.sequence.store(at + 1);
        return true;
      }
      if (sequence < at) return false;
      at = head_.load();
    }
  }

  // One thread: f(const cpu_sample&) for what has come.
  template <class F>
  void take_all(F&& f) {
    for (;; ++tail_) {
      slot& s = slots_[tail_ % slots];
      if (s.sequence.load() != tail_ + 1) return;
      f(static_cast<const cpu_sample&>(s.sample));
      s.sequence.store(tail_ + slots);
    }
  }

 private:
  struct slot {
    std::atomic<std::uint64_t> sequence;
    cpu_sample sample;
  };
  slot* slots_ = nullptr;
  std::atomic<std::uint64_t> head_{0};
  std::uint64_t tail_ = 0;
};

}  // namespace rt
TAUT_END_NAMESPACE
