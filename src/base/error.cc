// SPDX-License-Identifier: Apache-2.0
// errc, its category, and the out-of-line parts of the exception types.
#include <string>
#include <system_error>

#include "taut/panic.h"
#include "taut/result.h"
#include "taut/version.h"

TAUT_BEGIN_NAMESPACE
namespace {

class category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "taut"; }
  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::canceled:
        return "context canceled";
      case errc::deadline_exceeded:
        return "context deadline exceeded";
      case errc::closed:
        return "closed";
      case errc::would_block:
        return "would block";
      case errc::unavailable:
        return "resource temporarily unavailable";
      case errc::bad_address:
        return "bad address";
    }
    return "unknown taut error";
  }
  std::error_condition default_error_condition(int value) const noexcept override {
    switch (static_cast<errc>(value)) {
      case errc::canceled:
        return std::errc::operation_canceled;
      case errc::deadline_exceeded:
        return std::errc::timed_out;
      case errc::would_block:
        return std::errc::operation_would_block;
      case errc::unavailable:
        return std::errc::resource_unavailable_try_again;
      default:
        return {value, *this};
    }
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const category instance;
  return instance;
}

panic::~panic() = default;

int version() noexcept { return TAUT_VERSION; }

namespace detail {
void throw_error(std::error_code error) { throw std::system_error(error); }
}  // namespace detail

TAUT_END_NAMESPACE
