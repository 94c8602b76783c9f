// SPDX-License-Identifier: Apache-2.0
// Where a profile's bytes go: a string, or a descriptor of the program's.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>

#include "diag/dump.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

class string_sink final : public text_sink {
 public:
  void write(std::string_view piece) override { text += piece; }
  std::string text;
};

// Keeps the first error and writes nothing after it.
class descriptor_sink final : public text_sink {
 public:
  explicit descriptor_sink(int fd) noexcept : fd_(fd) {}
  void write(std::string_view piece) override {
    kept_ += piece;
    if (kept_.size() > 65536) flush();
  }
  // The first error, or 0.
  int flush() noexcept {
    for (std::string_view left = kept_; error_ == 0 && !left.empty();) {
      const ssize_t n = ::write(fd_, left.data(), left.size());
      if (n > 0) {
        left.remove_prefix(static_cast<std::size_t>(n));
      } else if (n < 0 && errno != EINTR) {
        error_ = errno;
      }
    }
    kept_.clear();
    return error_;
  }

 private:
  int fd_;
  int error_ = 0;
  std::string kept_;
};

}  // namespace rt
TAUT_END_NAMESPACE
