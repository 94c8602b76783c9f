// SPDX-License-Identifier: Apache-2.0
// One walk of a stack ten frames deep, and with it libgcc's unwinder on the same stack.
#include "arch/unwind.h"

#include <benchmark/benchmark.h>
#include <pthread.h>
#include <unwind.h>

#include <functional>
#include <string>

#include "arch/unwind_modules.h"

namespace taut::rt {
namespace {

stack_bounds thread_stack() {
  pthread_attr_t attributes;
  void* low = nullptr;
  std::size_t size = 0;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &low, &size);
  pthread_attr_destroy(&attributes);
  auto begin = reinterpret_cast<std::uintptr_t>(low);
  return {begin, begin + size};
}

void at_depth(int depth, const std::function<void()>& f) {
  std::string frame_with_an_object(static_cast<std::size_t>(depth), 'x');
  if (depth == 0) {
    f();
  } else {
    at_depth(depth - 1, f);
  }
  benchmark::DoNotOptimize(frame_with_an_object.data());
}

constexpr std::size_t frames = 10;

void walk_cached(benchmark::State& state) {
  refresh_modules();
  at_depth(frames, [&] {
    frame_registers here = current_registers();
    stack_bounds bounds = thread_stack();
    std::uintptr_t pcs[frames];
    for (auto _ : state) benchmark::DoNotOptimize(unwind(here, bounds, pcs, frames));
  });
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(frames));
}
BENCHMARK(walk_cached)->Name("unwind/cached")->ThreadRange(1, 2);

// What a frame costs the first time its call site is met.
void find_rules(benchmark::State& state) {
  refresh_modules();
  at_depth(frames, [&] {
    std::uintptr_t pcs[frames];
    std::size_t count = unwind(current_registers(), thread_stack(), pcs, frames);
    frame_row row;
    std::size_t i = 0;
    for (auto _ : state) {
      std::uintptr_t pc = pcs[i++ % count];
      const loaded_module* module = current_modules()->find(pc);
      if (module == nullptr || !find_row(module->table, pc - 1, row)) state.SkipWithError("no row");
    }
  });
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(find_rules)->Name("unwind/miss");

void walk_libgcc(benchmark::State& state) {
  at_depth(frames, [&] {
    for (auto _ : state) {
      std::size_t left = frames;
      auto count = [](_Unwind_Context* context, void* argument) {
        benchmark::DoNotOptimize(_Unwind_GetIP(context));
        return --*static_cast<std::size_t*>(argument) == 0 ? _URC_END_OF_STACK : _URC_NO_REASON;
      };
      _Unwind_Backtrace(count, &left);
    }
  });
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(frames));
}
BENCHMARK(walk_libgcc)->Name("unwind/libgcc");

}  // namespace
}  // namespace taut::rt
