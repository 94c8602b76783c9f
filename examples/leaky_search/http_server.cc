// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 over taut's sockets. See the header.
#include "http_server.h"

#include <taut/interop/beast.h>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <cstdio>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>

namespace search {
namespace {

namespace http = boost::beast::http;
using namespace std::chrono_literals;
using boost::system::error_code;

constexpr std::uint32_t most_header = 8 << 10;
constexpr std::uint64_t most_body = 64 << 10;

// What to tell a client whose bytes are no request; nothing for a connection that just ended.
std::optional<response> refusal(error_code why) {
  if (why == http::error::header_limit || why == http::error::buffer_overflow) {
    return reply(http::status::request_header_fields_too_large, "text/plain",
                 "the header is too long\n");
  }
  if (why == http::error::body_limit) {
    return reply(http::status::payload_too_large, "text/plain", "the body is too long\n");
  }
  if (why == http::error::end_of_stream || why == http::error::partial_message ||
      why.category() != error_code(http::error::end_of_stream).category()) {
    return std::nullopt;
  }
  return reply(http::status::bad_request, "text/plain", why.message() + "\n");
}

response answer_or_apologise(const handler& answer, const request& asked) {
  // The server's stop does not interrupt work on a request, only the wait for the next one.
  taut::shield finish;
  try {
    return answer(asked);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "GET %.*s failed: %s\n", int(asked.target().size()), asked.target().data(),
                 e.what());
  }
  return reply(http::status::internal_server_error, "text/plain",
               "this failed; the log says why\n");
}

// False when the connection cannot go on.
bool send(taut::conn& client, response& r, bool keep_alive) {
  r.keep_alive(keep_alive);
  client.set_write_deadline(taut::now() + 10s);
  taut::interop::beast_stream stream(client);
  error_code why;
  http::write(stream, r, why);
  return !why && keep_alive;
}

void converse(taut::conn client, const handler& answer) {
  taut::interop::beast_stream stream(client);
  boost::beast::flat_buffer bytes(most_header + most_body);
  for (bool more = true; more;) {
    http::request_parser<http::string_body> parser;
    parser.header_limit(most_header);
    parser.body_limit(most_body);
    client.set_read_deadline(taut::now() + 30s);
    error_code why;
    http::read(stream, bytes, parser, why);
    if (why) {
      if (std::optional<response> r = refusal(why)) send(client, *r, false);
      return;
    }
    const request& asked = parser.get();
    response r = answer_or_apologise(answer, asked);
    r.version(asked.version());
    more = send(client, r, asked.keep_alive());
  }
}

}  // namespace

void serve(taut::listener& listener, const handler& answer) {
  taut::scope connections;
  for (;;) {
    taut::result<taut::conn> client = listener.accept();
    if (!client) throw std::system_error(client.error(), "accept");
    connections.go({.name = "connection"},
                   [&answer, c = std::move(*client)]() mutable { converse(std::move(c), answer); });
  }
}

response reply(http::status status, std::string_view type, std::string body) {
  response r(status, 11);
  r.set(http::field::content_type, boost::beast::string_view(type.data(), type.size()));
  r.body() = std::move(body);
  r.prepare_payload();
  return r;
}

}  // namespace search
