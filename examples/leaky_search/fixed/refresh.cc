// SPDX-License-Identifier: Apache-2.0
// Loading a page anew, one refresh of a page at a time.
#include <taut/taut.h>

#include <mutex>

#include "../backend.h"
#include "../cache.h"
#include "../steps.h"

namespace search {

void refresh(const std::string& query) {
  // Unlocks on every way out.
  std::scoped_lock turn(pages().turn(query));
  std::optional<std::string> page = backend::load(query);
  if (!page) return;
  pages().store(query, *page);
}

}  // namespace search
