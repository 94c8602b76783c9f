// SPDX-License-Identifier: Apache-2.0
// Pages found before. See the header.
#include "cache.h"

#include <mutex>
#include <utility>

namespace search {

std::optional<std::string> cache::find(const std::string& query) {
  std::scoped_lock hold(lock_);
  auto at = pages_.find(query);
  if (at == pages_.end()) return std::nullopt;
  return at->second;
}

void cache::store(const std::string& query, std::string page) {
  std::scoped_lock hold(lock_);
  if (pages_.size() >= most_pages) pages_.clear();
  pages_.insert_or_assign(query, std::move(page));
}

taut::mutex& cache::turn(const std::string& query) {
  return turns_[std::hash<std::string>{}(query) % turns_.size()];
}

cache& pages() {
  static cache& one = *new cache;
  return one;
}

}  // namespace search
