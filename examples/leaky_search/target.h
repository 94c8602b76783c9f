// SPDX-License-Identifier: Apache-2.0
// The two parts of a request's target: /path?name=value&name=value.
#pragma once

#include <string>
#include <string_view>

namespace search {

// path_of() is everything before the question mark.
std::string_view path_of(std::string_view target);

// has_parameter() tells whether a name occurs, with a value or without.
bool has_parameter(std::string_view target, std::string_view name);

// parameter() is a value with its %41 and + decoded, cut at 200 bytes; empty when the name does not
// occur.
std::string parameter(std::string_view target, std::string_view name);

}  // namespace search
