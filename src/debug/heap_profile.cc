// SPDX-License-Identifier: Apache-2.0
// The profiles heap and allocs: the same samples, of which tools show first what is in use or what
// was ever allocated. Text and scale are Go's.
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "debug/kinds.h"
#include "debug/proto.h"
#include "debug/text.h"
#include "heap/sampler.h"
#include "taut/heap.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

enum value : std::size_t { alloc_objects, alloc_space, inuse_objects, inuse_space, values };

stack_profile empty_profile(const char* name, const char* default_type) {
  stack_profile p(name,
                  {{"alloc_objects", "count"},
                   {"alloc_space", "bytes"},
                   {"inuse_objects", "count"},
                   {"inuse_space", "bytes"}},
                  {"space", "bytes"}, static_cast<std::int64_t>(heap::sample_rate()));
  p.default_type = default_type;
  p.of_allocations = true;
  return p;
}

stack_profile collect_as(const char* name, const char* default_type) {
  const unsampled quiet;
  stack_profile p = empty_profile(name, default_type);
  timespec t = {};
  ::clock_gettime(CLOCK_REALTIME, &t);
  p.time_nanos = t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
  using namespace std::string_literals;
  for (const heap_place* at = the_heap_samples().places(); at != nullptr; at = at->next) {
    const auto freed = static_cast<std::int64_t>(at->freed.load());
    const auto freed_bytes = static_cast<std::int64_t>(at->freed_bytes.load());
    const auto objects = static_cast<std::int64_t>(at->allocated.load());
    const auto bytes = static_cast<std::int64_t>(at->allocated_bytes.load());
    const std::int64_t v[values] = {objects, bytes, objects - freed, bytes - freed_bytes};
    p.add(at->frames(), "bytes\0"s + std::to_string(at->block_size) + '\0', v);
  }
  return p;
}

stack_profile collect_heap(const frame_registers*) { return collect_as("heap", "inuse_space"); }
stack_profile collect_allocs(const frame_registers*) { return collect_as("allocs", "alloc_space"); }

// What so many samples of so many bytes stand for.
void scale(std::int64_t& objects, std::int64_t& bytes, double rate) {
  if (objects == 0 || bytes == 0) {
    objects = bytes = 0;
    return;
  }
  if (rate <= 1) return;
  const double mean = std::abs(static_cast<double>(bytes) / static_cast<double>(objects));
  const double by = 1 / -std::expm1(-mean / rate);
  objects = static_cast<std::int64_t>(static_cast<double>(objects) * by);
  bytes = static_cast<std::int64_t>(static_cast<double>(bytes) * by);
}

stack_profile scaled(const stack_profile& p) {
  const unsampled quiet;
  stack_profile to = empty_profile(p.name().c_str(), p.default_type.c_str());
  to.time_nanos = p.time_nanos;
  to.duration_nanos = p.duration_nanos;
  for (std::size_t i = 0; i < p.size(); ++i) {
    std::int64_t v[values];
    std::ranges::copy(p.values_of(i), v);
    scale(v[alloc_objects], v[alloc_space], static_cast<double>(p.period()));
    scale(v[inuse_objects], v[inuse_space], static_cast<double>(p.period()));
    to.add(p.frames_of(i), p.labels_of(i), v);
  }
  return to;
}

std::vector<std::int64_t> totals(const stack_profile& p) {
  std::vector<std::int64_t> sums(values);
  for (std::size_t i = 0; i < p.size(); ++i)
    for (std::size_t v = 0; v < values; ++v) sums[v] += p.values_of(i)[v];
  return sums;
}

std::string counts(std::span<const std::int64_t> v) {
  return std::to_string(v[inuse_objects]) + ": " + std::to_string(v[inuse_space]) + " [" +
         std::to_string(v[alloc_objects]) + ": " + std::to_string(v[alloc_space]) + "] @";
}

// Estimates, of which Go has exact ones; what has no meaning here is left out.
std::string memory_statistics(const stack_profile& p) {
  const std::vector<std::int64_t> all = totals(scaled(p));
  rusage used = {};
  ::getrusage(RUSAGE_SELF, &used);
  const std::pair<const char*, std::int64_t> rows[] = {
      {"Alloc", all[inuse_space]},
      {"TotalAlloc", all[alloc_space]},
      {"Mallocs", all[alloc_objects]},
      {"Frees", all[alloc_objects] - all[inuse_objects]},
      {"HeapAlloc", all[inuse_space]},
      {"HeapObjects", all[inuse_objects]},
      {"MaxRSS", used.ru_maxrss * std::int64_t{1024}},
  };
  std::string text = "\n# runtime.MemStats\n";
  for (const auto& [name, number] : rows)
    text += "# " + std::string(name) + " = " + std::to_string(number) + '\n';
  return text;
}

void write_text(stack_profile& p, text_sink& to) {
  const unsampled quiet;
  // The number behind the name is twice the rate; pprof halves it.
  to.write("heap profile: " + counts(totals(p)) + " heap/" + std::to_string(2 * p.period()) + '\n');
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const std::int64_t x = p.values_of(a)[inuse_space], y = p.values_of(b)[inuse_space];
    return x != y ? x > y : a < b;
  });
  frame_namer names;
  for (const std::size_t i : order) {
    const auto frames = without_allocator(p.frames_of(i), names);
    std::string line = counts(p.values_of(i));
    for (const std::uintptr_t pc : frames) {
      line += ' ';
      append_hex(line, pc);
    }
    to.write(line + '\n');
    to.write(stack_lines(frames, names));
  }
  to.write(memory_statistics(p));
}

std::uint64_t count_places() { return the_heap_samples().place_count(); }

const char* missing() {
  return heap::sampling() ? nullptr
                          : "this program's allocations are not sampled: link it with taut::heap "
                            "(target_link_libraries(... taut::heap), or -ltaut-heap before -ltaut)";
}

}  // namespace

const profile_kind heap_kind = {
    .name = "heap",
    .description =
        "A sampling of the memory that is in use, by the stack that allocated it. The parameter "
        "gc is accepted and does nothing: nothing waits to be collected.",
    .count = count_places,
    .collect = collect_heap,
    .write_text = write_text,
    .dump = nullptr,
    .delta = true,
    .scaled = scaled,
    .missing = missing,
};

const profile_kind allocs_kind = {
    .name = "allocs",
    .description = "A sampling of all past memory allocations",
    .count = count_places,
    .collect = collect_allocs,
    .write_text = write_text,
    .dump = nullptr,
    .delta = true,
    .scaled = scaled,
    .missing = missing,
};

}  // namespace rt
TAUT_END_NAMESPACE
