// SPDX-License-Identifier: Apache-2.0
#include "debug/stack_profile.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "debug/text.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

std::uint64_t mix(std::uint64_t h, std::uint64_t v) noexcept {
  h = (h ^ v) * 0x9e3779b97f4a7c15u;
  return h ^ (h >> 29);
}

std::uint64_t hash_of(std::span<const std::uintptr_t> frames, std::string_view labels) noexcept {
  std::uint64_t h = mix(frames.size(), labels.size());
  for (std::uintptr_t pc : frames) h = mix(h, pc);
  for (std::size_t at = 0; at < labels.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, labels.data() + at, std::min<std::size_t>(8, labels.size() - at));
    h = mix(h, word);
  }
  return h;
}

}  // namespace

stack_profile::stack_profile(std::string name, std::vector<value_type> types,
                             value_type period_type, std::int64_t period)
    : name_(std::move(name)),
      types_(std::move(types)),
      period_type_(std::move(period_type)),
      period_(period) {}

// The slot's content, or the free slot's index with the highest bit set.
std::size_t stack_profile::find(std::uint64_t hash, std::span<const std::uintptr_t> frames,
                                std::string_view labels) const noexcept {
  constexpr std::size_t absent = std::size_t{1} << 63;
  for (std::size_t i = hash >> 20;; ++i) {
    const std::size_t at = i & (slots_.size() - 1);
    if (slots_[at] == 0) return at | absent;
    const std::size_t index = slots_[at] - 1;
    if (samples_[index].hash == hash && std::ranges::equal(frames_of(index), frames) &&
        labels_of(index) == labels)
      return index;
  }
}

void stack_profile::grow() {
  slots_.assign(std::max<std::size_t>(64, slots_.size() * 2), 0);
  for (std::size_t index = 0; index < samples_.size(); ++index) {
    std::size_t i = samples_[index].hash >> 20;
    while (slots_[i & (slots_.size() - 1)] != 0) ++i;
    slots_[i & (slots_.size() - 1)] = static_cast<std::uint32_t>(index + 1);
  }
}

void stack_profile::add(std::span<const std::uintptr_t> frames, std::string_view labels,
                        std::span<const std::int64_t> values) {
  if ((samples_.size() + 1) * 2 > slots_.size()) grow();
  const std::uint64_t hash = hash_of(frames, labels);
  const std::size_t found = find(hash, frames, labels);
  if (found >> 63 == 0) {
    for (std::size_t v = 0; v < types_.size(); ++v) values_[found * types_.size() + v] += values[v];
    return;
  }
  const sample s{hash, frames_.size(), frames.size(), labels_.size(), labels.size()};
  frames_.insert(frames_.end(), frames.begin(), frames.end());
  labels_ += labels;
  values_.insert(values_.end(), values.begin(), values.end());
  samples_.push_back(s);
  slots_[found & ~(std::size_t{1} << 63)] = static_cast<std::uint32_t>(samples_.size());
}

void stack_profile::subtract(const stack_profile& earlier) {
  std::vector<std::int64_t> negative(types_.size());
  for (std::size_t i = 0; i < earlier.size(); ++i) {
    const auto values = earlier.values_of(i);
    std::ranges::transform(values, negative.begin(), std::negate<>());
    add(earlier.frames_of(i), earlier.labels_of(i), negative);
  }
  stack_profile changed(name_, types_, period_type_, period_);
  for (std::size_t i = 0; i < size(); ++i) {
    if (std::ranges::any_of(values_of(i), [](std::int64_t v) { return v != 0; }))
      changed.add(frames_of(i), labels_of(i), values_of(i));
  }
  samples_ = std::move(changed.samples_);
  frames_ = std::move(changed.frames_);
  labels_ = std::move(changed.labels_);
  values_ = std::move(changed.values_);
  slots_ = std::move(changed.slots_);
  duration_nanos = time_nanos - earlier.time_nanos;
}

void append_addresses(std::string& to, std::span<const std::uintptr_t> frames) {
  to += '@';
  for (std::uintptr_t pc : frames) {
    to += ' ';
    append_hex(to, pc);
  }
}

std::string stack_profile::key_of(std::size_t i) const {
  std::string key;
  append_addresses(key, frames_of(i));
  if (samples_[i].labels_size == 0) return key;
  std::vector<std::string> pairs;
  for_each_packed_label(labels_of(i), [&](std::string_view k, std::string_view v) {
    pairs.push_back(quoted(k) + ":" + quoted(v));
  });
  std::ranges::sort(pairs);
  key += "\n# labels: {";
  for (const std::string& pair : pairs) key += (&pair == pairs.data() ? "" : ", ") + pair;
  return key + '}';
}

void stack_profile::sort() {
  std::vector<std::string> keys(size());
  for (std::size_t i = 0; i < size(); ++i) keys[i] = key_of(i);
  std::vector<std::size_t> order(size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const std::int64_t x = values_of(a)[0], y = values_of(b)[0];
    return x != y ? x > y : keys[a] < keys[b];
  });
  std::vector<sample> samples;
  std::vector<std::int64_t> values;
  for (std::size_t i : order) {
    samples.push_back(samples_[i]);
    values.insert(values.end(), values_of(i).begin(), values_of(i).end());
  }
  samples_ = std::move(samples);
  values_ = std::move(values);
  slots_.clear();
  if (!samples_.empty()) {
    slots_.resize(32);
    while (slots_.size() < samples_.size() * 2) slots_.resize(slots_.size() * 2);
    grow();
  }
}

std::int64_t stack_profile::total() const noexcept {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < size(); ++i) sum += values_of(i)[0];
  return sum;
}

}  // namespace rt
TAUT_END_NAMESPACE
