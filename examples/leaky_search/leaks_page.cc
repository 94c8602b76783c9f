// SPDX-License-Identifier: Apache-2.0
// The leak report. See the header.
#include "leaks_page.h"

#include <taut/diag.h>

#include "target.h"

namespace search {

response leaks_page(std::string_view target) {
  using boost::beast::http::status;
  if (has_parameter(target, "json"))
    return reply(status::ok, "application/json", taut::find_leaks().to_json());
  return reply(status::ok, "text/plain", taut::find_leaks().to_text());
}

std::string leaks_text() { return taut::find_leaks().to_text(); }

}  // namespace search
