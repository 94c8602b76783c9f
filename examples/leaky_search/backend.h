// SPDX-License-Identifier: Apache-2.0
// The world that the service talks to, played by functions that answer and fail as real ones do:
// always in the same way for the same question, so that every run meets every bug.
#pragma once

#include <optional>
#include <string>

namespace search::backend {

// ask() is a replica's answer. It comes at once, but for one word in 128, which takes 30 ms.
std::string ask(int replica, const std::string& query);

// load() fetches a page; nothing for one in four, which are gone.
std::optional<std::string> load(const std::string& query);

// title() is the title of a document; nothing for every second one.
std::optional<std::string> title(const std::string& document);

// price() asks another service, which takes a fifth of a millisecond.
int price(const std::string& customer);

}  // namespace search::backend
