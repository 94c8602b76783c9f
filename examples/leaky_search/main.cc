// SPDX-License-Identifier: Apache-2.0
// The program: its options, its signals, its beginning and end.
#include <getopt.h>
#include <taut/net.h>
#include <taut/signal.h>
#include <taut/taut.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>

#include "http_server.h"
#include "leaks_page.h"
#include "service.h"

namespace {

using namespace std::chrono_literals;

constexpr const char* usage =
    "usage: %s [--addr HOST:PORT] [--debug HOST:PORT] [--leaks]\n\n"
    "  --addr   where to listen; port 0 lets the system choose (default: 127.0.0.1:8080)\n"
    "  --debug  where to serve profiles: /debug/pprof/ (default: nowhere)\n"
    "  --leaks  print the leak report when stopped\n";

void serve_until_signalled(taut::listener& listener) {
  search::service service;
  auto [until, stop] = taut::notify_context(taut::background(), {SIGINT, SIGTERM});
  taut::scope parts(until);  // left when both parts have ended
  parts.go({.name = "service"}, [&] { service.run(); });
  parts.go({.name = "server"}, [&] {
    search::serve(listener, [&](const search::request& asked) { return service.answer(asked); });
  });
}

// Gives work that no request waits for a second to end by itself.
void wait_for_background_work() {
  const auto limit = std::chrono::steady_clock::now() + 1s;
  while (taut::num_goroutine() > 0 && std::chrono::steady_clock::now() < limit)
    taut::sleep_for(5ms);
}

}  // namespace

int main(int argc, char** argv) {
  std::string address = "127.0.0.1:8080", debug_address;
  bool leaks_at_end = false;
  const option known[] = {{"addr", required_argument, nullptr, 'a'},
                          {"debug", required_argument, nullptr, 'd'},
                          {"leaks", no_argument, nullptr, 'l'},
                          {"help", no_argument, nullptr, 'h'},
                          {}};
  for (int o; (o = getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    if (o == 'a') address = optarg;
    if (o == 'd') debug_address = optarg;
    if (o == 'l') leaks_at_end = true;
    if (o == 'h' || o == '?') {
      std::fprintf(o == 'h' ? stdout : stderr, usage, argv[0]);
      return o == 'h' ? 0 : 2;
    }
  }
  if (optind < argc) {
    std::fprintf(stderr, "%s: unexpected argument '%s'; --help lists the options\n", argv[0],
                 argv[optind]);
    return 2;
  }

  std::optional<taut::debug::server> debug_server;
  if (!debug_address.empty()) {
    auto started = taut::debug::server::start(debug_address);
    if (!started) {
      std::fprintf(stderr, "%s: --debug %s: %s\n", argv[0], debug_address.c_str(),
                   started.error().message().c_str());
      return 1;
    }
    std::printf("profiles at http://%s/debug/pprof/\n", started->address().c_str());
    debug_server = *std::move(started);
    taut::set_block_profile_rate(100us);   // every wait that long, and shorter ones in proportion
    taut::set_mutex_profile_fraction(10);  // one of ten times that somebody waits for a lock
  }

  taut::result<taut::listener> listener = taut::listen("tcp", address);
  if (!listener) {
    std::fprintf(stderr, "%s: %s\n", argv[0],
                 taut::describe("listen", "tcp", address, listener.error()).c_str());
    return 1;
  }
  std::printf("listening on http://%s\n", listener->addr().c_str());
  std::fflush(stdout);

  try {
    taut::run([&] { serve_until_signalled(*listener); });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", argv[0], e.what());
    return 1;
  }
  wait_for_background_work();
  if (leaks_at_end) std::fputs(search::leaks_text().c_str(), stdout);
  std::printf("stopped: %zu goroutines left\n", taut::num_goroutine());
}
