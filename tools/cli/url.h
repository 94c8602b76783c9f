// SPDX-License-Identifier: Apache-2.0
// Addresses of debug servers, as `go tool pprof` takes them: the scheme may be left out, a bare
// host:port stands for its /debug/pprof/.
#pragma once

#include <string>
#include <string_view>

namespace taut::cli {

struct url {
  bool secure = false;
  std::string user, password;
  std::string host;  // an IPv6 address without its brackets
  int port = 0;
  std::string path;    // of the folder of profiles, ending in '/'; or of the one thing to fetch
  std::string query;   // without '?'
  bool exact = false;  // path and query are to be used as they are

  // scheme://host:port
  std::string origin() const;
  // What to ask the server for: a profile of the folder, or the exact thing.
  std::string target(std::string_view profile, std::string_view wanted) const;
};

// Throws user_error with a sentence that says what is wrong.
url parse_url(std::string_view text);

}  // namespace taut::cli
