// SPDX-License-Identifier: Apache-2.0
// The target of a request, read as Go reads it. Its size is bounded: most_target.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// With each %XX decoded, and in a query each '+' as a blank; nothing when a '%' is followed by
// anything else.
enum class part { path, query };
std::optional<std::string> unescaped(std::string_view text, part of);

// Pairs between '&'. One with a semicolon, or with a bad escape, is none.
std::multimap<std::string, std::string> query_pairs(std::string_view query);

// Without empty and "." segments, and without ".." and what it leaves: what Go's mux redirects to.
// Reads no escapes.
std::string clean_path(std::string_view path);

// As a header and a page may have it: what no URL contains is escaped. In particular a browser
// takes
// "/\\host" for another host's address.
std::string url_of(std::string_view path, std::string_view query);

}  // namespace rt
TAUT_END_NAMESPACE
