// SPDX-License-Identifier: Apache-2.0
// Boost.Beast over taut's streams. Left out where Boost is not installed.
#if __has_include(<boost/beast/http.hpp>)
#include "taut/interop/beast.h"

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <string>

#include "support/fixture.h"
#include "taut/net.h"
#include "taut/time.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

static_assert(beast::is_sync_stream<interop::beast_stream>::value);

RUNTIME_TEST(beast, serves_requests_on_one_connection_until_its_end) {
  listener l = listen("tcp", "127.0.0.1:0").value();
  wait_group server;
  server.go([&] {
    conn c = l.accept().value();
    interop::beast_stream stream(c);
    beast::flat_buffer buffer;
    for (;;) {
      http::request<http::string_body> request;
      boost::system::error_code error;
      http::read(stream, buffer, request, error);
      if (error) {
        EXPECT_EQ(error, http::error::end_of_stream) << error.message();
        return;
      }
      http::response<http::string_body> response(http::status::ok, request.version());
      response.body() = "hello " + std::string(request.target());
      response.keep_alive(request.keep_alive());
      response.prepare_payload();
      http::write(stream, response, error);
      EXPECT_FALSE(error) << error.message();
    }
  });
  conn c = dial("tcp", l.addr()).value();
  interop::beast_stream stream(c);
  beast::flat_buffer buffer;
  for (int i = 0; i < 3; ++i) {
    http::request<http::empty_body> request(http::verb::get, "/" + std::to_string(i), 11);
    request.set(http::field::host, "test");
    http::write(stream, request);
    http::response<http::string_body> response;
    http::read(stream, buffer, response);
    EXPECT_EQ(response.body(), "hello /" + std::to_string(i));
  }
  c.close();
  server.wait();
}

RUNTIME_TEST(beast, errors_are_translated_and_contexts_end_reads) {
  listener l = listen("tcp", "127.0.0.1:0").value();
  conn c = dial("tcp", l.addr()).value();
  conn s = l.accept().value();
  char into[4];
  boost::system::error_code error;
  auto [ctx, cancel] = with_cancel(background());
  cancel();
  interop::beast_stream bound(c, ctx);
  EXPECT_EQ(bound.read_some(boost::asio::buffer(into), error), 0u);
  EXPECT_EQ(error, boost::asio::error::operation_aborted);
  c.set_read_deadline(now() - std::chrono::seconds(1));
  interop::beast_stream stream(c);
  EXPECT_THROW(stream.read_some(boost::asio::buffer(into)), boost::system::system_error);
  EXPECT_EQ(stream.read_some(boost::asio::buffer(into), error), 0u);
  EXPECT_EQ(error, boost::asio::error::timed_out);
  c.set_read_deadline({});
  s.close();
  EXPECT_EQ(stream.read_some(boost::asio::buffer(into), error), 0u);
  EXPECT_EQ(error, boost::asio::error::eof);
}

RUNTIME_TEST(beast, a_peer_that_leaves_cancels_the_watched_context) {
  listener l = listen("tcp", "127.0.0.1:0").value();
  conn c = dial("tcp", l.addr()).value();
  conn s = l.accept().value();
  {
    auto [ctx, cancel] = with_cancel(background());
    interop::hang_up_watch idle(s, ctx, cancel);  // ends with nothing having happened
    EXPECT_FALSE(ctx.err());
  }
  auto [ctx, cancel] = with_cancel(background());
  interop::hang_up_watch watch(s, ctx, cancel);
  c.close();
  EXPECT_EQ(ctx.wait(), errc::canceled);
}

}  // namespace
}  // namespace taut::test
#endif
