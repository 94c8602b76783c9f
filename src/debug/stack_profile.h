// SPDX-License-Identifier: Apache-2.0
// What every profile is: stacks with values. Equal stacks with equal labels are merged when they
// are added, so a million goroutines at ten places are ten samples before any symbol is looked up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sched/labels.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct value_type {
  std::string type;
  std::string unit;
};

class stack_profile {
 public:
  struct sample {
    std::uint64_t hash;
    std::size_t first_frame, frames;  // return addresses, leaf first
    std::size_t labels, labels_size;
  };

  // The name is that of the endpoint: "goroutine". `types`: what each sample's values are.
  stack_profile(std::string name, std::vector<value_type> types, value_type period_type,
                std::int64_t period);
  // One value per sample, which counts: NAME/count.
  explicit stack_profile(const std::string& name)
      : stack_profile(name, {{name, "count"}}, {name, "count"}, 1) {}

  // labels: key NUL value NUL ..., sorted by key. values: as many as there are types.
  void add(std::span<const std::uintptr_t> frames, std::string_view labels,
           std::span<const std::int64_t> values);
  // Takes away what `earlier` had; what has not changed is gone.
  void subtract(const stack_profile& earlier);
  // Largest first value first; equal ones by key_of().
  void sort();

  const std::string& name() const noexcept { return name_; }
  const std::vector<value_type>& types() const noexcept { return types_; }
  const value_type& period_type() const noexcept { return period_type_; }
  std::int64_t period() const noexcept { return period_; }
  std::size_t size() const noexcept { return samples_.size(); }
  std::span<const std::uintptr_t> frames_of(std::size_t i) const noexcept {
    return {frames_.data() + samples_[i].first_frame, samples_[i].frames};
  }
  std::string_view labels_of(std::size_t i) const noexcept {
    return std::string_view(labels_).substr(samples_[i].labels, samples_[i].labels_size);
  }
  std::span<const std::int64_t> values_of(std::size_t i) const noexcept {
    return {values_.data() + i * types_.size(), types_.size()};
  }
  // The sum of the first values.
  std::int64_t total() const noexcept;
  // As Go's text has it: "@ 0x... 0x..." and, on a second line, the labels.
  std::string key_of(std::size_t i) const;

  std::int64_t time_nanos = 0;      // wall clock
  std::int64_t duration_nanos = 0;  // 0: not said
  std::string default_type;         // empty: not said
  // Of allocations: values of labels are numbers, and `operator new` is nobody's place.
  bool of_allocations = false;
  std::vector<std::string> comments;
  bool hides_leaf = false;  // stacks begin in the runtime, which is not shown

 private:
  std::size_t find(std::uint64_t hash, std::span<const std::uintptr_t> frames,
                   std::string_view labels) const noexcept;
  void grow();

  std::string name_;
  std::vector<value_type> types_;
  value_type period_type_;
  std::int64_t period_;
  std::vector<sample> samples_;
  std::vector<std::uintptr_t> frames_;
  std::string labels_;
  std::vector<std::int64_t> values_;
  std::vector<std::uint32_t> slots_;  // open addressing: index of the sample + 1
};

// "@ 0x... 0x..."
void append_addresses(std::string& to, std::span<const std::uintptr_t> frames);

}  // namespace rt
TAUT_END_NAMESPACE
