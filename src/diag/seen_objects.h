// SPDX-License-Identifier: Apache-2.0
// The fields of sync's objects that diagnosis reads, out of the words that a snapshot copied. Their
// layouts: lock_record.h, shared_mutex.h, wait_group.h, condition.h.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "diag/snapshot.h"
#include "taut/condition.h"
#include "taut/detail/lock_record.h"
#include "taut/export.h"
#include "taut/shared_mutex.h"
#include "taut/wait_group.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

inline site seen_site(std::uint64_t word) noexcept { return {reinterpret_cast<const void*>(word)}; }

static_assert(std::is_standard_layout_v<detail::lock_record> && sizeof(detail::lock_record) == 40);
struct seen_lock {
  explicit seen_lock(const object_record& o) noexcept
      : owner(detail::owner_of(o.words[0])),
        where(seen_site(o.words[1])),
        is_once((o.words[0] & detail::once_running) != 0) {
    if (!where.is_system()) return;
    certain = where.data != &detail::system_site;
    std::copy_n(&o.words[2], 3, callers);
    where = {};
  }
  std::uint64_t owner;
  site where;  // none: a guard of the standard library called
  bool is_once;
  std::uintptr_t callers[3] = {};  // return addresses, innermost first; 0: unknown
  bool certain = true;             // false: the second and third may be anything
};

static_assert(std::is_standard_layout_v<shared_mutex> && sizeof(shared_mutex) == 88);
struct seen_shared_mutex {
  explicit seen_shared_mutex(const object_record& o) noexcept
      : waited_for(static_cast<std::int32_t>(o.words[5] >> 32)),
        readers{o.words[7], o.words[8], o.words[9], o.words[10]} {}
  std::int32_t waited_for;
  std::uint64_t readers[4];  // some of them
};

static_assert(std::is_standard_layout_v<wait_group> && sizeof(wait_group) == 32);
struct seen_wait_group {
  explicit seen_wait_group(const object_record& o) noexcept
      : counter(static_cast<std::int32_t>(o.words[0] >> 32)),
        done(seen_site(o.words[1])),
        added(seen_site(o.words[2])) {}
  std::int32_t counter;
  site done, added;  // the last
};

static_assert(std::is_standard_layout_v<condition> && sizeof(condition) == 16);
struct seen_condition {
  explicit seen_condition(const object_record& o) noexcept
      : lost(static_cast<std::uint32_t>(o.words[0] >> 32)), signaled(seen_site(o.words[1])) {}
  std::uint32_t lost;
  site signaled;  // the last
};

}  // namespace rt
TAUT_END_NAMESPACE
