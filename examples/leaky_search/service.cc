// SPDX-License-Identifier: Apache-2.0
// The search service. See the header. Its bugs, and their fixes, are in steps.h.
#include "service.h"

#include <nlohmann/json.hpp>

#include <utility>

#include "cache.h"
#include "leaks_page.h"
#include "steps.h"
#include "target.h"

namespace search {
namespace {

using namespace std::chrono_literals;
using boost::beast::http::status;
using nlohmann::json;

constexpr int replicas = 2;

std::string text_of(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

response found(std::string key, json value) {
  return reply(status::ok, "application/json", text_of(json{{std::move(key), std::move(value)}}));
}

response accepted() { return reply(status::accepted, "text/plain", "accepted\n"); }

constexpr const char* index_page =
    "GET /search?q=WORD   pages about a word, from the cache or from two replicas\n"
    "GET /suggest?q=WORD  completions of a word\n"
    "GET /lookup?q=DOC    the title of a document\n"
    "GET /watch?q=TOPIC   how many readers a topic has\n"
    "GET /index?q=DOC     files a document (so do /refresh, /order, /audit: work in the "
    "background)\n"
    "GET /stats           requests and goroutines, as JSON\n"
    "GET /leaks           which goroutines can never run again, and why (/leaks?json: as JSON)\n";

}  // namespace

response service::answer(const request& asked) {
  requests_.fetch_add(1);
  if (asked.method() != boost::beast::http::verb::get) {
    return reply(status::method_not_allowed, "text/plain", "only GET is answered here\n");
  }
  const std::string_view path = path_of(asked.target());
  // Profiles and dumps then tell which requests the work is for. Long ones are no page of ours.
  taut::this_goroutine::set_label("path", path.substr(0, 32));
  if (path == "/stats") return stats();
  if (path == "/leaks") return leaks_page(asked.target());
  if (path == "/") return reply(status::ok, "text/plain", index_page);

  const std::string q = parameter(asked.target(), "q");
  if (q.empty())
    return reply(status::bad_request, "text/plain", "the parameter q is missing; / lists all\n");
  if (path == "/search") return search(q);
  if (path == "/suggest") return found("completions", suggest(q));
  if (path == "/lookup") return found("title", look_up(q));
  if (path == "/watch") return found("readers", watch(q));
  if (path == "/index") {
    index({q, q + " (part 2)", q + " (part 3)"});
    return accepted();
  }
  if (path == "/refresh") {
    taut::go({.name = "refresh"}, [=] { refresh(q); });
    return accepted();
  }
  if (path == "/order") {
    order(q);
    return accepted();
  }
  if (path == "/audit") {
    audit(q);
    return accepted();
  }
  return reply(status::not_found, "text/plain", "there is no such page; / lists all\n");
}

response service::search(const std::string& query) {
  // A full queue costs a count, not the request.
  (void)words_.try_send(query);
  if (std::optional<std::string> page = pages().find(query)) return found("pages", *page);

  taut::chan<std::string> pages_found(replicas);  // room for every answer
  {
    taut::scope asking;  // left when each replica has answered or timed out
    for (int replica = 0; replica < replicas; ++replica) {
      asking.go([=] {
        if (std::optional<std::string> page = ask_replica(replica, query)) pages_found.send(*page);
      });
    }
  }
  pages_found.close();
  std::string all;
  for (std::string& page : pages_found) all += page + "; ";
  if (all.empty()) {
    timeouts_.fetch_add(1);
    return reply(status::gateway_timeout, "text/plain", "no replica answered in time\n");
  }
  pages().store(query, all);
  return found("pages", all);
}

response service::stats() const {
  const auto age = std::chrono::steady_clock::now() - started_;
  return reply(status::ok, "application/json",
               text_of({{"requests", requests_.load()},
                        {"requests_per_second", rate_.load()},
                        {"searches_counted", searches_.load()},
                        {"timeouts", timeouts_.load()},
                        {"goroutines", taut::num_goroutine()},
                        {"workers", taut::workers()},
                        {"seconds", std::chrono::duration<double>(age).count()}}));
}

void service::run() {
  taut::scope counters;
  for (int i = 0; i < 2; ++i) {
    counters.go({.name = "counter"}, [this] {
      for (std::string& word : words_) searches_.fetch_add(!word.empty());
    });
  }
  taut::ticker every(1s);
  std::uint64_t before = 0;
  while (every.ticks().recv()) {
    const std::uint64_t now = requests_.load();
    rate_.store(now - std::exchange(before, now));
  }
}

}  // namespace search
