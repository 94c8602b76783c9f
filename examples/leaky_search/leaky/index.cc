// SPDX-License-Identifier: Apache-2.0
// Filing documents with two workers that share a channel.
#include <taut/taut.h>

#include "../cache.h"
#include "../steps.h"

namespace search {

void index(const std::vector<std::string>& documents) {
  taut::chan<std::string> jobs(4);
  for (int worker = 0; worker < 2; ++worker) {
    taut::go([mine = taut::recv_chan<std::string>(jobs)] {
      for (std::string& document : mine) pages().store(document, "indexed");
    });
  }
  for (const std::string& document : documents) jobs.send(document);
  // BUG: jobs is never closed, so the workers' loops never end.
}

}  // namespace search
