// SPDX-License-Identifier: Apache-2.0
// The profiles block and mutex, and what turns them on.
//
// Go's profile mutex shows who unlocked what others waited for. Ours shows who waited as well, told
// apart by the label "role"; the text form, which has no labels, is Go's: holders only.
#include <time.h>

#include <algorithm>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "debug/kinds.h"
#include "debug/proto.h"
#include "sched/contention.h"
#include "taut/debug.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

using namespace std::string_view_literals;

std::string_view labels_of(contention kind) noexcept {
  switch (kind) {
    case contention::holder:
      return "role\0holder\0"sv;
    case contention::waiter:
      return "role\0waiter\0"sv;
    case contention::block:
      break;
  }
  return {};
}

stack_profile collect(const char* name, bool block, bool on, const char* remedy) {
  stack_profile p(name, {{"contentions", "count"}, {"delay", "nanoseconds"}},
                  {"contentions", "count"}, 1);
  p.hides_leaf = true;
  timespec t = {};
  ::clock_gettime(CLOCK_REALTIME, &t);
  p.time_nanos = t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
  for_each_contention([&](const contention_place& c) {
    if ((c.kind == contention::block) != block) return;
    const std::int64_t values[] = {c.count, c.nanoseconds};
    p.add(c.frames, labels_of(c.kind), values);
  });
  if (!on) p.comments.push_back(remedy);
  if (const std::uint64_t n = contentions_lost(); n != 0)
    p.comments.push_back("events without a place, for there are too many places: " +
                         std::to_string(n));
  return p;
}

stack_profile collect_blocks(const frame_registers*) {
  return collect("block", true, block_profile_rate.load() != 0,
                 "off: the program turns it on by taut::set_block_profile_rate()");
}

stack_profile collect_mutexes(const frame_registers*) {
  return collect("mutex", false, mutex_profile_fraction.load() != 0,
                 "off: the program turns it on by taut::set_mutex_profile_fraction()");
}

// Nanoseconds stand for Go's cycles. Who reads a profile with a period multiplies by it.
void write_text(const stack_profile& p, std::string_view head, std::int64_t period, text_sink& to) {
  frame_namer names;
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p.labels_of(i) != labels_of(contention::waiter)) order.push_back(i);
  }
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const std::int64_t x = p.values_of(a)[1], y = p.values_of(b)[1];
    return x != y ? x > y : p.key_of(a) < p.key_of(b);
  });
  to.write(head);
  for (std::size_t i : order) {
    const auto frames = without_hidden_leaf(p.frames_of(i), names);
    std::string line = std::to_string(p.values_of(i)[1] / period) + ' ' +
                       std::to_string(p.values_of(i)[0] / period) + ' ';
    append_addresses(line, frames);
    to.write(line + '\n');
    to.write(stack_lines(frames, names));
  }
}

void write_blocks(stack_profile& p, text_sink& to) {
  write_text(p, "--- contention:\ncycles/second=1000000000\n", 1, to);
}

void write_mutexes(stack_profile& p, text_sink& to) {
  const std::uint32_t fraction = mutex_profile_fraction.load();
  write_text(
      p, "--- mutex:\ncycles/second=1000000000\nsampling period=" + std::to_string(fraction) + "\n",
      std::max<std::int64_t>(fraction, 1), to);
}

}  // namespace

const profile_kind block_kind = {
    .name = "block",
    .description =
        "Where goroutines waited for channels, locks and each other, and how long. Off unless the "
        "program calls taut::set_block_profile_rate().",
    .count = [] { return static_cast<std::uint64_t>(contention_places(true)); },
    .collect = collect_blocks,
    .write_text = write_blocks,
    .dump = nullptr,
    .delta = true,
};

const profile_kind mutex_kind = {
    .name = "mutex",
    .description =
        "Who unlocked what others waited for, and who waited (label role), and how long. Off "
        "unless "
        "the program calls taut::set_mutex_profile_fraction().",
    .count = [] { return static_cast<std::uint64_t>(contention_places(false)); },
    .collect = collect_mutexes,
    .write_text = write_mutexes,
    .dump = nullptr,
    .delta = true,
};

}  // namespace rt

namespace {

void need(bool memory) {
  if (!memory) throw std::bad_alloc();
}

}  // namespace

void set_block_profile_rate(std::chrono::nanoseconds rate) {
  need(rt::set_block_rate(rate.count()));
}

int set_mutex_profile_fraction(int n) {
  const auto before = static_cast<int>(rt::mutex_profile_fraction.load());
  if (n >= 0) need(rt::set_mutex_fraction(static_cast<std::uint32_t>(n)));
  return before;
}

TAUT_END_NAMESPACE
