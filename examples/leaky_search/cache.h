// SPDX-License-Identifier: Apache-2.0
// Pages found before. One lock guards the pages; another lock for each group of pages lets one
// refresh at a time load a page, and is never taken by a search.
#pragma once

#include <taut/taut.h>

#include <array>
#include <optional>
#include <string>
#include <unordered_map>

namespace search {

class cache {
 public:
  // Both may be called from any goroutine at once.
  std::optional<std::string> find(const std::string& query);
  void store(const std::string& query, std::string page);

  // turn() is the lock to hold while the page of a query is loaded anew.
  taut::mutex& turn(const std::string& query);

 private:
  static constexpr std::size_t most_pages = 8192;  // beyond, the cache starts over

  taut::mutex lock_;
  std::unordered_map<std::string, std::string> pages_;  // guarded by lock_
  std::array<taut::mutex, 64> turns_;
};

// pages() is the one cache. It lives until the process ends: goroutines that leak wait for its
// locks.
cache& pages();

}  // namespace search
