// SPDX-License-Identifier: Apache-2.0
// result<T>: a value or a std::error_code, with the member names of std::expected, and the errors
// that taut's own calls report.
//
//   taut::result<int> r = numbers.try_recv();
//   if (r) use(*r);
//   else if (r.error() == taut::errc::closed) stop();
//
// A result is a plain value: share one between goroutines as you would an int.
#pragma once

#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE

// What a call of taut reports when it has no value. Compare with error_code: `r.error() ==
// errc::closed`.
enum class errc {
  canceled = 1,       // the context ended because somebody cancelled it ("context canceled")
  deadline_exceeded,  // the context's or the call's deadline passed ("context deadline exceeded")
  closed,             // the channel, connection or listener is closed
  would_block,        // a try_ call would have had to wait
  unavailable,        // a resource is used up: descriptors, memory, threads
  bad_address,        // a network address that cannot be parsed or resolved
};

// error_category() is the category of errc; its name is "taut".
TAUT_API const std::error_category& error_category() noexcept;
inline std::error_code make_error_code(errc e) noexcept {
  return {static_cast<int>(e), error_category()};
}

TAUT_END_NAMESPACE

template <>
struct std::is_error_code_enum<taut::errc> : std::true_type {};

TAUT_BEGIN_NAMESPACE
namespace detail {
[[noreturn]] TAUT_API void throw_error(std::error_code error);
}

// result<T> holds a T or the error that prevented it.
template <class T>
class [[nodiscard]] result {
 public:
  using value_type = T;
  using error_type = std::error_code;

  result(T value) noexcept(std::is_nothrow_move_constructible_v<T>)
      : value_(std::in_place, std::move(value)) {}
  result(std::error_code error) noexcept : error_(error) {}
  result(errc error) noexcept : result(make_error_code(error)) {}

  bool has_value() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }

  // value() returns the value; throws std::system_error with the error when there is none.
  T& value() & { return check(), *value_; }
  const T& value() const& { return check(), *value_; }
  T&& value() && { return check(), std::move(*value_); }

  // The value, unchecked: undefined when there is none.
  T& operator*() & noexcept { return *value_; }
  const T& operator*() const& noexcept { return *value_; }
  T&& operator*() && noexcept { return std::move(*value_); }
  T* operator->() noexcept { return &*value_; }
  const T* operator->() const noexcept { return &*value_; }

  template <class U>
  T value_or(U&& other) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(other));
  }

  // error() returns the error; a default error_code (success) when there is a value.
  std::error_code error() const noexcept { return error_; }

 private:
  void check() const {
    if (!has_value()) detail::throw_error(error());
  }
  // Not a std::variant, whose header and instances cost more than two words.
  std::optional<T> value_;
  std::error_code error_;
};

// result<void> holds success or an error.
template <>
class [[nodiscard]] result<void> {
 public:
  using value_type = void;
  using error_type = std::error_code;

  result() noexcept = default;
  result(std::error_code error) noexcept : error_(error) {}
  result(errc error) noexcept : error_(make_error_code(error)) {}

  bool has_value() const noexcept { return !error_; }
  explicit operator bool() const noexcept { return has_value(); }
  // value() throws std::system_error with the error when there is one.
  void value() const {
    if (error_) detail::throw_error(error_);
  }
  std::error_code error() const noexcept { return error_; }

 private:
  std::error_code error_;
};

TAUT_END_NAMESPACE
