// SPDX-License-Identifier: Apache-2.0
// once: does something exactly once, whoever comes first. once_value: computes a value at the first
// call.
//
//   taut::once opened;
//   opened.call([&] { open(); });                        // all callers return after open() has
//
//   taut::once_value settings([] { return load(); });    // nothing happens yet
//   use(settings());                                     // loads; later calls return the same
//                                                        // object
//
// Any goroutine or thread may call at once. Waiting for the first caller is ended by the
// goroutine's bound context, which throws taut::canceled. A call from inside the function waits for
// itself, for ever.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "taut/detail/lock_record.h"
#include "taut/detail/site.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE

// Constant-initialised: usable as a global.
class once {
 public:
  constexpr once() noexcept = default;
  once(const once&) = delete;
  once& operator=(const once&) = delete;
  // One destroyed while somebody waits ends the process with a message.
  TAUT_API ~once();

  // call(f) runs f unless a call has run its function already, and returns when that one has
  // returned. An exception that leaves f passes to this caller and counts as done: later calls do
  // nothing.
  template <class F>
  void call(F&& f, detail::site where = detail::site::here()) {
    if (done()) return;
    if (!begin(where)) return;
    struct finisher {
      once* of;
      ~finisher() { of->finish(); }
    } at_end{this};
    std::forward<F>(f)();
  }
  // done() says whether the function has returned. Does not block.
  bool done() const noexcept { return record_.state.load() == finished; }

 private:
  static constexpr std::uint64_t finished = 4;

  // True when the caller is to run the function; false when it has run. Blocks while it runs.
  TAUT_API bool begin(detail::site where);
  TAUT_API void finish() noexcept;

  detail::lock_record record_;
};

// once_value<F> is callable like F, without arguments; F runs at the first call only, and is
// destroyed then. An exception that leaves F is thrown again by every call.
template <class F>
class once_value {
  using value = std::invoke_result_t<F&>;
  static_assert(std::is_object_v<value>, "once_value: the function must return a value");

 public:
  explicit once_value(F f) : function_(std::move(f)) {}

  // Returns the value; it lives as long as this object. Blocks while another caller computes it.
  const value& operator()(detail::site where = detail::site::here()) {
    once_.call([this] { compute(); }, where);
    if (error_) std::rethrow_exception(error_);
    return *value_;
  }

 private:
  void compute() {
    try {
      value_.emplace((*function_)());
    } catch (...) {
      error_ = std::current_exception();
    }
    function_.reset();
  }

  once once_;
  std::optional<F> function_;
  std::optional<value> value_;
  std::exception_ptr error_;
};

TAUT_END_NAMESPACE
