// SPDX-License-Identifier: Apache-2.0
// Counting the readers of a topic while they are being answered.
#include <taut/taut.h>

#include <atomic>

#include "../steps.h"

namespace search {
namespace {

std::atomic<int> readers{0};

}  // namespace

int watch(const std::string&) {
  auto [ctx, cancel] = taut::with_cancel(taut::background());
  readers.fetch_add(1);
  taut::go([gone = ctx.done()] {
    gone.recv();  // until the reader is answered
    readers.fetch_sub(1);
  });
  // BUG: gives up the duty to cancel, and nobody else has it. The visit never ends.
  cancel.release();
  return readers.load();
}

}  // namespace search
