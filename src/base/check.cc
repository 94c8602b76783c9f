// SPDX-License-Identifier: Apache-2.0
#include "base/check.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

TAUT_BEGIN_NAMESPACE
namespace rt {

void write_all(int fd, const char* text) noexcept {
  std::size_t left = std::strlen(text);
  while (left > 0) {
    const ssize_t n = ::write(fd, text, left);
    if (n <= 0) return;
    text += n;
    left -= static_cast<std::size_t>(n);
  }
}

void fatal(const char* text, const char* file, int line) noexcept {
  char message[512];
  std::snprintf(message, sizeof message, "taut: %s (%s:%d)\n", text, file, line);
  write_all(2, message);
  std::abort();
}

}  // namespace rt
TAUT_END_NAMESPACE
