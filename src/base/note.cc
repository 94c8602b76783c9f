// SPDX-License-Identifier: Apache-2.0
#include "base/note.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/handoff.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

long futex(std::atomic<std::uint32_t>* word, int op, std::uint32_t value,
           const timespec* timeout) noexcept {
  return ::syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, timeout, nullptr, 0);
}

}  // namespace

bool note::sleep(std::int64_t timeout_ns) noexcept {
  std::uint32_t seen = clear;
  if (!word_.compare_exchange_strong(seen, sleeping) && seen == set) {
    accept_handoff(&word_);
    return true;
  }
  const std::int64_t deadline = timeout_ns < 0 ? 0 : real_now() + timeout_ns;
  while (word_.load() != set) {
    if (timeout_ns < 0) {
      futex(&word_, FUTEX_WAIT, sleeping, nullptr);
      continue;
    }
    const std::int64_t left = deadline - real_now();
    if (left <= 0) {
      seen = sleeping;
      return !word_.compare_exchange_strong(seen, clear);
    }
    const timespec wait{static_cast<time_t>(left / 1'000'000'000),
                        static_cast<long>(left % 1'000'000'000)};
    futex(&word_, FUTEX_WAIT, sleeping, &wait);
  }
  accept_handoff(&word_);
  return true;
}

void note::wake() noexcept {
  announce_handoff(&word_);
  if (word_.exchange(set) == sleeping) futex(&word_, FUTEX_WAKE, 1, nullptr);
}

}  // namespace rt
TAUT_END_NAMESPACE
