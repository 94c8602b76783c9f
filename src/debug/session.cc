// SPDX-License-Identifier: Apache-2.0
// One request: cpp-httplib parses the head that was checked, and writes the answer.
//
// The library's own server is not used, for it bounds neither the number of connections nor the
// size of a head, and its constructor changes what SIGPIPE does to the process: see make_session().
// A connection carries one request, so that an idle client keeps nothing.
#include <httplib.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <mutex>
#include <string>
#include <utility>

#include "base/clock.h"
#include "debug/exchange.h"
#include "debug/http.h"
#include "debug/request_head.h"
#include "debug/target.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t stuck_time = 10 * second;  // for one piece of the answer
constexpr std::int64_t answer_time = 600 * second;

// Thrown through a writer whose reader has gone.
struct reader_left {};

// The library reads the checked head from it, and writes to the connection.
class connection_stream final : public httplib::Stream {
 public:
  connection_stream(const http_server& server, int fd, std::string head)
      : server_(server), fd_(fd), head_(std::move(head)), until_(real_now() + answer_time) {}

  bool is_readable() const override { return at_ < head_.size(); }
  bool is_writable() const override { return !broken_; }
  ssize_t read(char* to, std::size_t size) override {
    const std::size_t n = std::min(size, head_.size() - at_);
    std::memcpy(to, head_.data() + at_, n);
    at_ += n;
    return static_cast<ssize_t>(n);
  }
  ssize_t write(const char* from, std::size_t size) override {
    for (std::size_t done = 0; done < size;) {
      if (broken_) return -1;
      const ssize_t n = ::send(fd_, from + done, size - done, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) {
        done += static_cast<std::size_t>(n);
        wrote_ = true;
        continue;
      }
      if (n < 0 && errno == EINTR) continue;
      const bool full = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
      const std::int64_t limit = std::min(until_, real_now() + stuck_time);
      if (!full || !wait_ready(server_, fd_, POLLOUT, limit)) broken_ = true;
    }
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return fd_; }

  void extend(std::int64_t by) noexcept { until_ += by; }
  bool wrote() const noexcept { return wrote_; }

 private:
  const http_server& server_;
  const int fd_;
  const std::string head_;
  std::size_t at_ = 0;
  std::int64_t until_;
  bool broken_ = false, wrote_ = false;
};

class http_exchange final : public exchange {
 public:
  http_exchange(http_server& server, connection_stream& connection) noexcept
      : server_(server), connection_(connection) {}

  waited wait(std::int64_t nanoseconds) override {
    const std::int64_t until = real_now() + nanoseconds;
    connection_.extend(nanoseconds);
    for (std::int64_t left; (left = until - real_now()) > 0;) {
      pollfd fds[2] = {{connection_.socket(), POLLRDHUP, 0}, {server_.stop_event, POLLIN, 0}};
      const auto ms = static_cast<int>(std::min<std::int64_t>(left / 1'000'000 + 1, 60'000));
      if (::poll(fds, 2, ms) <= 0) continue;
      if (fds[1].revents != 0) return waited::stopping;
      if (fds[0].revents != 0) return waited::client_left;
    }
    return waited::time_passed;
  }
  bool take_slot() noexcept override {
    if (server_.slow.fetch_add(1) < std::max(1, server_.threads / 2)) return true;
    server_.slow.fetch_sub(1);
    return false;
  }
  void give_slot() noexcept override { server_.slow.fetch_sub(1); }

 private:
  http_server& server_;
  connection_stream& connection_;
};

// Pieces of an answer, a chunk each.
class chunk_sink final : public text_sink {
 public:
  explicit chunk_sink(httplib::DataSink& to) : to_(to) {}
  void write(std::string_view piece) override {
    kept_ += piece;
    if (kept_.size() >= 32768) flush();
  }
  void flush() {
    if (!kept_.empty() && !to_.write(kept_.data(), kept_.size())) throw reader_left{};
    kept_.clear();
  }

 private:
  httplib::DataSink& to_;
  std::string kept_;
};

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm utc = {};
  ::gmtime_r(&now, &utc);
  constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  char text[64];
  std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[utc.tm_wday],
                utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                utc.tm_sec);
  return text;
}

class http_session final : public session, private httplib::Server {
 public:
  explicit http_session(http_server& server) : server_(server) {
    // The library writes a streamed answer only while it believes to be listening.
    svr_sock_ = server.stop_event;
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      answer(request, response);
      return HandlerResponse::Handled;
    });
  }

  void serve(client& asks) noexcept override {
    try {
      client_ = &asks;
      connection_stream stream(server_, asks.fd, asks.head.line + "\r\n\r\n");
      stream_ = &stream;
      bool closed = false;
      process_request(stream, true, closed, nullptr);
      // What our check let pass and the library's did not.
      if (!stream.wrote()) stream.httplib::Stream::write(refusal(400));
    } catch (...) {
      // No memory for this answer: the client sees a closed connection.
    }
  }

 private:
  // False: answered already.
  bool permitted(http_exchange& x) const {
    if (!server_.token.empty()) {
      const std::string given = token_of(client_->head.authorization);
      if (equal_in_constant_time(given, server_.token)) return true;
      x.fail(401, "this server asks for a token: Authorization: Bearer TOKEN");
      x.set_header("WWW-Authenticate", "Basic realm=\"taut\", Bearer realm=\"taut\"");
      return false;
    }
    if (!server_.loopback || client_->head.host.empty() || is_local_name(client_->head.host))
      return true;
    x.fail(403,
           "this server answers requests for localhost or an address only, not for a host name: a "
           "web page could make them; set a token to allow names");
    return false;
  }

  void answer(const httplib::Request& request, httplib::Response& response) {
    http_exchange x(server_, *stream_);
    x.method = request.method;
    const std::size_t mark = std::min(request.target.find('?'), request.target.size());
    x.sent_path = request.target.substr(0, mark);
    x.path = unescaped(x.sent_path, part::path).value_or(x.sent_path);
    x.query = request.target.substr(std::min(mark + 1, request.target.size()));
    x.params = query_pairs(x.query);
    x.body = std::move(client_->text);
    try {
      if (permitted(x)) route(x);
    } catch (const std::exception& e) {
      x.fail(500, std::string("the request could not be answered: ") + e.what());
    }
    response.status = x.status;
    response.set_header("Date", http_date());
    // Else the library offers ranges.
    if (x.method == "HEAD") response.set_header("Accept-Ranges", "none");
    for (const auto& [name, value] : x.headers) response.set_header(name, value);
    if (!x.stream) {
      response.set_content(x.reply, x.content_type);
      return;
    }
    auto provider = [write = std::move(x.stream)](std::size_t, httplib::DataSink& to) {
      try {
        chunk_sink sink(to);
        write(sink);
        sink.flush();
        to.done();
        return true;
      } catch (...) {
        // The reader has gone, or there is no memory: the answer ends without its last chunk, so
        // that the reader can tell.
        return false;
      }
    };
    if (request.version == "HTTP/1.0") {
      response.set_content_provider(x.content_type, provider);
    } else {
      response.set_chunked_content_provider(x.content_type, provider);
    }
  }

  http_server& server_;
  // Of the request that is being answered.
  client* client_ = nullptr;
  connection_stream* stream_ = nullptr;
};

}  // namespace

bool wait_ready(const http_server& server, int fd, short events, std::int64_t deadline) noexcept {
  for (std::int64_t left; (left = deadline - real_now()) > 0;) {
    pollfd fds[2] = {{fd, events, 0}, {server.stop_event, POLLIN, 0}};
    const auto ms = static_cast<int>(std::min<std::int64_t>(left / 1'000'000 + 1, 60'000));
    const int n = ::poll(fds, 2, ms);
    if (n < 0 && errno != EINTR) return false;
    if (n <= 0) continue;
    return fds[1].revents == 0;
  }
  return false;
}

std::unique_ptr<session> make_session(http_server& server) {
  // The library's constructor has the process ignore SIGPIPE; that is the program's to decide.
  static std::mutex one_at_a_time;
  std::lock_guard hold(one_at_a_time);
  struct sigaction before = {};
  ::sigaction(SIGPIPE, nullptr, &before);
  auto made = std::make_unique<http_session>(server);
  ::sigaction(SIGPIPE, &before, nullptr);
  return made;
}

}  // namespace rt
TAUT_END_NAMESPACE
