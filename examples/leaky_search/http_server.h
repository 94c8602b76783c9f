// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 over taut's sockets: a goroutine for each connection, Boost.Beast for the protocol.
//
// Malformed requests, slow clients and resets end their own connection and nothing else. What a
// client can make the server keep is bounded: 8 KiB of header, 64 KiB of body, 30 s for a request
// to arrive and 10 s for its answer to leave.
#pragma once

#include <taut/net.h>
#include <taut/taut.h>

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <functional>
#include <string>
#include <string_view>

namespace search {

using request = boost::beast::http::request<boost::beast::http::string_body>;
using response = boost::beast::http::response<boost::beast::http::string_body>;

// Called from many goroutines at once. It is left to finish when the server stops.
using handler = std::function<response(const request&)>;

// serve() answers connections until the goroutine's context ends, and returns when the last request
// is answered.
void serve(taut::listener& listener, const handler& answer);

// reply() is a response with a body.
response reply(boost::beast::http::status status, std::string_view type, std::string body);

}  // namespace search
