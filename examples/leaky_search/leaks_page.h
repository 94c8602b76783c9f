// SPDX-License-Identifier: Apache-2.0
// The leak report, as a page of the service and as text for its end.
#pragma once

#include <string>
#include <string_view>

#include "http_server.h"

namespace search {

// leaks_page() answers /leaks with text and /leaks?json with JSON.
response leaks_page(std::string_view target);

// leaks_text() is the report for a terminal.
std::string leaks_text();

}  // namespace search
