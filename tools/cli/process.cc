// SPDX-License-Identifier: Apache-2.0
// Processes and core files, read without their cooperation.
#include "cli/error.h"
#include "cli/source.h"

namespace taut::cli {

std::unique_ptr<source> open_process(std::uint64_t pid) {
  throw user_error(
      "reading process " + std::to_string(pid) +
      " directly is not possible yet; use the URL of its debug server, or kill -QUIT it "
      "and read what it prints.");
}

std::unique_ptr<source> open_core(const std::string& path) {
  throw user_error(
      path +
      " is a core file, which cannot be read yet; use the text that the process printed "
      "when it died.");
}

}  // namespace taut::cli
