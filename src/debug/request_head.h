// SPDX-License-Identifier: Apache-2.0
// The head of an HTTP request before the HTTP library sees it: bounded, and checked as Go's server
// checks it. The library is given the request line alone: a header would only make it do what a
// debug server need not (ranges, compression, "100 Continue"), within bounds of its own.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

inline constexpr std::size_t most_head = 16384, most_headers = 64, most_target = 4096;
inline constexpr std::size_t most_body = 65536;

struct request_head {
  int status = 0;    // 0: good; else what to answer
  std::string line;  // of the request, for the library
  std::string host, authorization;
  std::size_t content_length = 0;
};

// The size of the head that `text` begins with, its blank line included; 0: it is not all there.
// Lines end with \r\n or, as Go takes it, \n. What is before `from` was looked at before.
std::size_t size_of_head(std::string_view text, std::size_t from) noexcept;

// `head` ends with its blank line.
request_head check_head(std::string_view head);

// The whole answer to a request that is refused by a status alone, as Go gives it.
std::string refusal(int status);

// Whether a Host header names this machine: "localhost" or an address, with or without a port. A
// page of the web that had its name resolved to 127.0.0.1 names itself.
bool is_local_name(std::string_view host);

// Takes the same time for every text of one length.
bool equal_in_constant_time(std::string_view given, std::string_view secret) noexcept;

// The secret of an Authorization header: a bearer token, or the password of basic authentication;
// empty when there is none.
std::string token_of(std::string_view authorization);

}  // namespace rt
TAUT_END_NAMESPACE
