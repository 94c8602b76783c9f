// SPDX-License-Identifier: Apache-2.0
// What std::scoped_lock and std::shared_lock do for one mutex: <mutex> and <shared_mutex> are too
// dear for headers.
#pragma once

#include "taut/detail/site.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

template <class Mutex>
class [[nodiscard]] exclusive_guard {
 public:
  explicit exclusive_guard(Mutex& m, site where = site::here()) : mutex_(m) { mutex_.lock(where); }
  ~exclusive_guard() { mutex_.unlock(); }
  exclusive_guard(const exclusive_guard&) = delete;
  exclusive_guard& operator=(const exclusive_guard&) = delete;

 private:
  Mutex& mutex_;
};

template <class Mutex>
class [[nodiscard]] shared_guard {
 public:
  explicit shared_guard(Mutex& m, site where = site::here()) : mutex_(m) {
    mutex_.lock_shared(where);
  }
  ~shared_guard() { mutex_.unlock_shared(); }
  shared_guard(const shared_guard&) = delete;
  shared_guard& operator=(const shared_guard&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace detail
TAUT_END_NAMESPACE
