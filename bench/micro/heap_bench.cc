// SPDX-License-Identifier: Apache-2.0
// What linking taut::heap costs an allocation: malloc() as the program calls it, and glibc's below
// it, which is what the program would call without. A program of its own, taut_heap_bench.
#include "taut/heap.h"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdlib>
#include <vector>

#include "taut/runtime.h"

extern "C" {
void* __libc_malloc(std::size_t) noexcept;
void* __libc_realloc(void*, std::size_t) noexcept;
void __libc_free(void*) noexcept;
}

namespace {

constexpr std::size_t sampled_rate = 512 << 10;

template <void* (*Allocate)(std::size_t), void (*Free)(void*)>
void pairs(benchmark::State& state, std::size_t rate) {
  const auto size = static_cast<std::size_t>(state.range(0));
  if (state.thread_index() == 0) taut::heap::set_sample_rate(rate);
  std::vector<void*> blocks(100);
  for (auto _ : state) {
    for (void*& block : blocks) {
      block = Allocate(size);
      benchmark::DoNotOptimize(block);
    }
    for (void* block : blocks) Free(block);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(blocks.size()));
}

void bare(benchmark::State& state) { pairs<__libc_malloc, __libc_free>(state, sampled_rate); }
void hooked(benchmark::State& state) { pairs<std::malloc, std::free>(state, sampled_rate); }
void hooked_off(benchmark::State& state) { pairs<std::malloc, std::free>(state, 0); }
void everything(benchmark::State& state) { pairs<std::malloc, std::free>(state, 1); }

BENCHMARK(bare)->Name("heap/glibc")->Arg(16)->Arg(100)->Arg(1000)->ThreadRange(1, 2);
BENCHMARK(hooked)->Name("heap/sampled")->Arg(16)->Arg(100)->Arg(1000)->ThreadRange(1, 2);
BENCHMARK(hooked_off)->Name("heap/rate_0")->Arg(100);
BENCHMARK(everything)->Name("heap/rate_1")->Arg(100);

// The stack of a goroutine is known and walked in place.
void everything_in_goroutine(benchmark::State& state) {
  taut::run([&] {
    everything(state);
    return 0;
  });
}
BENCHMARK(everything_in_goroutine)->Name("heap/rate_1/goroutine")->Arg(100);

// As above with many blocks in use and samples among them: the filter has its bits set.
void crowded(benchmark::State& state, void* (*allocate)(std::size_t), void (*release)(void*)) {
  taut::heap::set_sample_rate(sampled_rate);
  std::vector<void*> kept(200'000);
  for (void*& block : kept) block = std::malloc(5'000);
  std::size_t at = 0;
  for (auto _ : state) {
    void* block = allocate(100);
    benchmark::DoNotOptimize(block);
    release(block);
    at = (at + 7919) % kept.size();
    std::swap(kept[at], kept[kept.size() - 1 - at]);
  }
  for (void* block : kept) std::free(block);
}
BENCHMARK_CAPTURE(crowded, glibc, __libc_malloc, __libc_free)->Name("heap/1_gb_in_use/glibc");
BENCHMARK_CAPTURE(crowded, sampled, std::malloc, std::free)->Name("heap/1_gb_in_use/sampled");

}  // namespace

BENCHMARK_MAIN();
