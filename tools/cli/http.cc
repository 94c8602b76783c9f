// SPDX-License-Identifier: Apache-2.0
// Running services, through their debug endpoint.
//
// Go answers debug=3 as it does debug=2, taut with JSON: one request serves both. debug=0 is what
// costs a service the least: its pause does not grow with the number of goroutines.
#include <httplib.h>
#include <netdb.h>

#include <chrono>
#include <cstdlib>

#include "cli/error.h"
#include "cli/leak_report.h"
#include "cli/parse.h"
#include "cli/source.h"
#include "cli/text.h"
#include "cli/url.h"

namespace taut::cli {
namespace {

using std::chrono::steady_clock;

struct response {
  int status = 0;
  std::string body;
};

bool is_known(const std::string& host) {
  addrinfo* found = nullptr;
  const int status = ::getaddrinfo(host.c_str(), nullptr, nullptr, &found);
  if (found != nullptr) ::freeaddrinfo(found);
  return status == 0;
}

std::string first_line(const std::string& body) {
  return printable(body.substr(0, std::min<std::size_t>(body.find_first_of("\r\n"), 200)));
}

class url_source final : public source {
 public:
  url_source(url address, source_options options)
      : url_(std::move(address)), options_(std::move(options)), name_(url_.origin() + url_.path) {}

  dump read(detail wanted) override {
    const response r = expect("goroutine", wanted == detail::full ? "debug=3" : "debug=0");
    return parse_dump(r.body, name_);
  }

  std::string read_raw() override {
    std::string bytes = expect("goroutine", "debug=3").body;
    return is_gzip(bytes) ? gunzip(bytes, name_) : bytes;
  }

  leak_answer read_leaks() override {
    if (url_.exact) return leaks_from_bytes(expect("", "").body, name_);
    response r = get(url_.target("goroutineleak", "debug=3"));
    if (r.status == 404 || r.status == 400) {
      leak_answer answer;
      answer.goroutines = read(detail::full);
      answer.note =
          "the service has no goroutineleak profile (taut and Go 1.27 have it, Go 1.26 when built "
          "with GOEXPERIMENT=goroutineleakprofile).";
      return answer;
    }
    check(r, "goroutineleak");
    leak_answer answer = leaks_from_bytes(r.body, name_);
    if (!answer.report.empty()) return answer;
    // Go cuts this text at 64 MiB; the other one lists nothing but leaks.
    if (answer.goroutines.truncated || r.body.size() >= (std::size_t{64} << 20)) {
      r = expect("goroutineleak", "debug=1");
      answer = leaks_from_bytes(r.body, name_);
    }
    answer.asked_collector = true;
    return answer;
  }

  bool live() const override { return true; }
  const std::string& name() const override { return name_; }

 private:
  response expect(std::string_view profile, std::string_view query) {
    response r = get(url_.target(profile, query));
    check(r, profile);
    return r;
  }

  void check(const response& r, std::string_view profile) const {
    if (r.status == 200) return;
    if (r.status == 401 || r.status == 403)
      throw user_error(name_ + " wants to know who asks (status " + std::to_string(r.status) +
                       "); give --token, or http://user:password@host.");
    if (r.status == 404)
      throw user_error(url_.origin() + url_.target(profile, "") +
                       " does not exist (status 404); serve it with net/http/pprof or "
                       "taut::debug::serve, or give the URL of the folder it is in.");
    throw user_error(name_ + " answered with status " + std::to_string(r.status) +
                     (r.body.empty() ? std::string() : " (" + first_line(r.body) + ")") +
                     "; look at the service's log.");
  }

  response get(const std::string& target) {
    using namespace httplib;
    Client client(url_.origin());
    if (!client.is_valid())
      throw user_error("the URL " + name_ + " cannot be used; write it as http://host:port.");
    const auto seconds = static_cast<time_t>(options_.timeout / 1'000'000'000);
    const auto rest = static_cast<time_t>(options_.timeout % 1'000'000'000 / 1000);
    client.set_connection_timeout(seconds, rest);
    client.set_read_timeout(seconds, rest);
    client.set_write_timeout(seconds, rest);
    client.set_follow_location(true);
    client.set_url_encode(false);
    client.enable_server_certificate_verification(!options_.insecure);
    Headers headers{{"User-Agent", "taut"}, {"Accept", "*/*"}};
    if (!options_.token.empty()) {
      headers.emplace("Authorization", "Bearer " + options_.token);
    } else if (!url_.user.empty()) {
      client.set_basic_auth(url_.user, url_.password);
    }
    response r;
    bool too_large = false;
    const auto start = steady_clock::now();
    const Result result = client.Get(
        target, headers,
        [&](const Response& head) {
          r.status = head.status;
          r.body.clear();
          return true;
        },
        [&](const char* data, std::size_t size) {
          too_large = r.body.size() + size > most_bytes;
          if (!too_large) r.body.append(data, size);
          return !too_large;
        });
    if (too_large)
      throw user_error(name_ + " answered with more than " + std::to_string(most_bytes >> 30) +
                       " GiB; ask for debug=1 in the URL.");
    if (!result) fail(result.error(), steady_clock::now() - start);
    r.status = result->status;
    return r;
  }

  [[noreturn]] void fail(httplib::Error error, steady_clock::duration took) const {
    using httplib::Error;
    const std::string timeout = duration_text(options_.timeout);
    const bool late =
        std::chrono::duration_cast<std::chrono::nanoseconds>(took).count() >= options_.timeout;
    switch (error) {
      case Error::ConnectionTimeout:
        throw user_error(url_.origin() + " did not take the connection within " + timeout +
                         "; check host and port, or give a longer --timeout.");
      case Error::Connection:
        if (!is_known(url_.host))
          throw user_error("there is no host " + printable(url_.host) + "; check the name.");
        throw user_error("cannot connect to " + url_.origin() +
                         "; check that the service runs and that its debug server has this port.");
      case Error::Read:
      case Error::Write:
      case Error::Canceled:
        if (late)
          throw user_error(name_ + " did not answer within " + timeout +
                           "; give a longer --timeout.");
        throw user_error(name_ +
                         " ended the connection without a whole answer; check that it "
                         "speaks HTTP, and try again.");
      case Error::SSLConnection:
      case Error::SSLLoadingCerts:
        throw user_error(url_.origin() + " does not speak TLS as we do; try http:// instead.");
      case Error::SSLServerVerification:
        throw user_error(
            url_.origin() +
            " has a certificate that nobody known vouches for; give --insecure to take it.");
      case Error::ExceedRedirectCount:
        throw user_error(name_ + " redirects in a circle; give the URL that it ends at.");
      default:
        throw user_error(name_ + " could not be read (" + httplib::to_string(error) +
                         "); try again.");
    }
  }

  url url_;
  source_options options_;
  std::string name_;
};

}  // namespace

std::unique_ptr<source> open_url(const std::string& text, const source_options& options) {
  return std::make_unique<url_source>(parse_url(text), options);
}

}  // namespace taut::cli
