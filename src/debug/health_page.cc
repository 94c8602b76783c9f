// SPDX-License-Identifier: Apache-2.0
// /healthz: whether the runtime makes progress. 503 when goroutines are ready to run and none was
// started while the request looked; 200 otherwise. A worker that keeps one goroutine is named
// either way, unless that has told of it by blocking().
//
// Memory order
//   MO-1  relaxed: hints written by workers.
#include <string>
#include <vector>

#include "base/clock.h"
#include "debug/exchange.h"
#include "sched/runtime_state.h"
#include "taut/runtime.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::int64_t look_for = 200'000'000, step = 10'000'000;

bool anything_ready(const runtime_state& r) {
  if (r.injected.load() > 0) return true;
  bool ready = false;
  r.for_each_worker(
      [&](worker* w) { ready = ready || w->has_stealable() || w->inbox.load() != nullptr; });
  return ready;
}

struct seen_worker {
  std::uint32_t tick;
  std::uint64_t goroutine;  // that it runs, and has not told to block; 0: none
};

std::vector<seen_worker> look(const runtime_state& r) {
  std::vector<seen_worker> all;
  r.for_each_worker([&](worker* w) {
    const worker_state state = w->state.load();
    const goroutine* g = state == worker_state::running ? w->shown.load() : nullptr;
    if (g != nullptr && g->state.load() == goroutine_state::blocking) g = nullptr;
    all.push_back(
        {w->tick.load(std::memory_order_relaxed), g == nullptr ? 0 : g->id.load()});  // MO-1
  });
  return all;
}

void health_page(exchange& x) {
  const runtime_state& r = the_runtime();
  x.content_type = "application/json; charset=utf-8";
  x.set_header("Cache-Control", "no-store");
  if (!r.running.load()) {
    x.reply = "{\"status\":\"not started\",\"workers\":0,\"goroutines\":0,\"stalled\":[]}\n";
    return;
  }
  const std::vector<seen_worker> before = look(r);
  const std::uint64_t dispatches = r.dispatches();
  const std::int64_t began = real_now();
  auto suspect = [&](const std::vector<seen_worker>& now) {
    // Something waits and nothing has begun; or somebody has kept his worker since the first look.
    if (anything_ready(r) && r.dispatches() == dispatches) return true;
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (before[i].goroutine != 0 && before[i].goroutine == now[i].goroutine &&
          before[i].tick == now[i].tick)
        return true;
    }
    return false;
  };
  std::vector<seen_worker> now = look(r);
  // A healthy runtime is seen to be so at once.
  while (suspect(now) && real_now() - began < look_for) {
    if (x.wait(step) != exchange::waited::time_passed) break;
    now = look(r);
  }
  std::string stalled;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i].goroutine == 0 || before[i].goroutine != now[i].goroutine ||
        before[i].tick != now[i].tick)
      continue;
    if (!stalled.empty()) stalled += ',';
    stalled += "{\"worker\":" + std::to_string(i) +
               ",\"goroutine\":" + std::to_string(now[i].goroutine) + '}';
  }
  const bool stuck = anything_ready(r) && r.dispatches() == dispatches;
  if (stuck) x.status = 503;
  x.reply = std::string("{\"status\":\"") + (stuck ? "stuck" : "ok") +
            "\",\"workers\":" + std::to_string(workers()) +
            ",\"threads\":" + std::to_string(now.size()) +
            ",\"goroutines\":" + std::to_string(num_goroutine()) + ",\"stalled\":[" + stalled +
            "],\"looked_ms\":" + std::to_string((real_now() - began) / 1'000'000) + "}\n";
}

}  // namespace

const endpoint health_endpoint = {
    .path = "/healthz", .post = false, .handle = health_page, .description = nullptr};

}  // namespace rt
TAUT_END_NAMESPACE
