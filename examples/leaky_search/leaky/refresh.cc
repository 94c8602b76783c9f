// SPDX-License-Identifier: Apache-2.0
// Loading a page anew, one refresh of a page at a time.
#include <taut/taut.h>

#include "../backend.h"
#include "../cache.h"
#include "../steps.h"

namespace search {

void refresh(const std::string& query) {
  taut::mutex& turn = pages().turn(query);
  turn.lock();
  std::optional<std::string> page = backend::load(query);
  // BUG: leaves with the lock held when the page is gone. Whoever refreshes it next waits for ever.
  if (!page) return;
  pages().store(query, *page);
  turn.unlock();
}

}  // namespace search
