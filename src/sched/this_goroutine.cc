// SPDX-License-Identifier: Apache-2.0
// What a goroutine may ask of itself, pins and shields.
#include <atomic>
#include <string>

#include "sched/current.h"
#include "sched/goroutine.h"
#include "sched/labels.h"
#include "sched/worker.h"
#include "taut/go.h"

TAUT_BEGIN_NAMESPACE

using namespace rt;

namespace this_goroutine {

std::uint64_t id() noexcept {
  goroutine* g = current_goroutine_or_null();
  return g == nullptr ? 0 : g->id.load();
}

std::string_view name() noexcept { return current_goroutine()->name; }

void set_name(std::string_view name) {
  goroutine* g = current_goroutine();
  g->set_name(name);
}

void set_label(std::string_view key, std::string_view value) {
  goroutine* g = current_goroutine();
  label_set* old = g->labels;
  g->labels = with_label(old, key, value);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // before the old set can be used again
  if (old != nullptr) drop_labels(old);
}

std::string label(std::string_view key) {
  std::string found;
  if (const label_set* l = current_goroutine()->labels) {
    for_each_label(*l, [&](std::string_view k, std::string_view v) {
      if (k == key) found = v;
    });
  }
  return found;
}

int worker() noexcept {
  rt::worker* w = current_worker();
  return w == nullptr || w->current == nullptr ? -1 : w->index;
}

}  // namespace this_goroutine

pin::pin() noexcept { ++current_goroutine()->pins; }
pin::~pin() { --current_goroutine()->pins; }
shield::shield() noexcept { ++current_goroutine()->shields; }
shield::~shield() { --current_goroutine()->shields; }

TAUT_END_NAMESPACE
