// SPDX-License-Identifier: Apache-2.0
// The search service: what it answers to each request, and the goroutines that it keeps of its own.
#pragma once

#include <taut/taut.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "http_server.h"

namespace search {

class service {
 public:
  // answer() may be called from any goroutine at once.
  response answer(const request& asked);

  // run() counts popular words and measures the rate, until the goroutine's context ends.
  void run();

 private:
  response search(const std::string& query);
  response stats() const;

  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::atomic<std::uint64_t> requests_{0};
  std::atomic<std::uint64_t> searches_{0};  // that the counters have seen
  std::atomic<std::uint64_t> timeouts_{0};
  std::atomic<std::uint64_t> rate_{0};  // requests in the last second
  taut::chan<std::string> words_{1024};
};

}  // namespace search
