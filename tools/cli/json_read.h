// SPDX-License-Identifier: Apache-2.0
// Members of JSON objects that somebody else wrote: what is absent or of another type reads as
// nothing.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace taut::cli {

std::string text_at(const nlohmann::json& j, const char* key);
std::uint64_t number_at(const nlohmann::json& j, const char* key);
double real_at(const nlohmann::json& j, const char* key);               // -1: absent
std::int64_t nanoseconds_at(const nlohmann::json& j, const char* key);  // -1: absent
bool flag_at(const nlohmann::json& j, const char* key);

}  // namespace taut::cli
