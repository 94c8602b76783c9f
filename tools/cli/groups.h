// SPDX-License-Identifier: Apache-2.0
// Goroutines put together: by equal stacks, or by the place where they are blocked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/model.h"

namespace taut::cli {

struct filter {
  std::string state;           // part of the state, in any case
  std::int64_t min_wait = -1;  // nanoseconds; unknown waits do not pass
  std::string match;           // part of a function, file, label or object
  bool empty() const { return state.empty() && min_wait < 0 && match.empty(); }
};

bool passes(const filter& f, const dump& d, const goroutine& g);

enum class order { count, wait, state, place };

struct goroutine_group {
  std::uint64_t count = 0;
  std::string state;
  bool leaked = false;
  bool locked = false;
  std::int64_t shortest = -1, longest = -1;  // nanoseconds; -1: not recorded
  const stack* where = nullptr;
  const frame* blocked = nullptr;  // null: no stack
  std::vector<const goroutine*> members;

  // Go's word for the state, with what else a header says.
  std::string state_text() const;
};

// Equal stacks in equal states with equal fates: one group, as a reader of dumps wants it.
std::vector<goroutine_group> by_stack(const dump& d, const filter& f, order o);
// Equal blocked places, states and creators.
std::vector<goroutine_group> by_place(const dump& d, const filter& f, order o);

}  // namespace taut::cli
