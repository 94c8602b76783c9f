// SPDX-License-Identifier: Apache-2.0
// Listening, the threads, and their end.
//
// One thread owns the connections that need no answer yet or no more (waiting_room); each of the
// others answers one after the other. They are plain threads that take no signals: nothing here
// depends on a worker.
//
// Life      start() -> serving -> stop(): the event becomes readable, every wait ends, the threads
//           are joined. A server that serves until the process ends is never freed; exit() stops it
//           before the program's statics are destroyed, which a request might use.
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "arch/unwind.h"
#include "debug/http.h"
#include "io/address.h"

TAUT_BEGIN_NAMESPACE
namespace debug {
namespace {

constexpr int most_threads = 64, backlog = 256;

enum class failure { bad_address = 1, unknown_host, not_loopback, in_use, bad_threads };

class failure_category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "taut.debug"; }
  std::string message(int value) const override {
    switch (static_cast<failure>(value)) {
      case failure::bad_address:
        return "the debug server's address must be HOST:PORT with a port below 65536, as in "
               "127.0.0.1:6060";
      case failure::unknown_host:
        return "the debug server's host is unknown; give an address, as in 127.0.0.1:6060";
      case failure::not_loopback:
        return "the debug server's address can be reached from other machines; use "
               "127.0.0.1, or set allow_remote, with a token";
      case failure::in_use:
        return "the debug server's port is in use; choose another, or 0 for any free one";
      case failure::bad_threads:
        return "the debug server's threads must be between 1 and 64";
    }
    return "unknown error of the debug server";
  }
  std::error_condition default_error_condition(int value) const noexcept override {
    switch (static_cast<failure>(value)) {
      case failure::not_loopback:
        return std::errc::operation_not_permitted;
      case failure::in_use:
        return std::errc::address_in_use;
      default:
        return std::errc::invalid_argument;
    }
  }
};

std::error_code make(failure f) noexcept {
  static const failure_category category;
  return {static_cast<int>(f), category};
}

std::error_code system_error(int number) noexcept {
  if (number == EADDRINUSE) return make(failure::in_use);
  return {number, std::generic_category()};
}

bool is_loopback(const rt::socket_address& a) noexcept {
  if (a.family() == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&a.storage);
    return (ntohl(in->sin_addr.s_addr) >> 24) == 127;
  }
  const auto* in = reinterpret_cast<const sockaddr_in6*>(&a.storage);
  if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr)) return in->sin6_addr.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&in->sin6_addr);
}

result<rt::socket_address> resolve(std::string_view text) {
  auto parts = rt::split(text);
  if (!parts) return make(failure::bad_address);
  const std::string& port = parts->port;
  if (port.empty() || port.size() > 5 ||
      !std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; }) ||
      std::stoi(port) > 65535)
    return make(failure::bad_address);
  if (parts->host == "localhost") parts->host = "127.0.0.1";
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const char* host = parts->host.empty() ? nullptr : parts->host.c_str();
  if (::getaddrinfo(host, port.c_str(), &hints, &found) != 0 || found == nullptr)
    return make(failure::unknown_host);
  // All interfaces: the IPv6 one takes IPv4 as well.
  const addrinfo* use = found;
  for (const addrinfo* a = found; host == nullptr && a != nullptr; a = a->ai_next) {
    if (a->ai_family == AF_INET6) use = a;
  }
  rt::socket_address address;
  address.length = use->ai_addrlen;
  std::copy_n(reinterpret_cast<const char*>(use->ai_addr), use->ai_addrlen,
              reinterpret_cast<char*>(&address.storage));
  ::freeaddrinfo(found);
  return address;
}

}  // namespace

struct server::state : rt::http_server {
  std::vector<pthread_t> running;
  std::vector<std::unique_ptr<rt::session>> sessions;

  state() = default;
  ~state() {
    stop();
    if (listener >= 0) ::close(listener);
    if (stop_event >= 0) ::close(stop_event);
  }

  static std::vector<state*>& detached();
  static void stop_at_exit() noexcept;

  void ask_to_stop() noexcept {
    const std::uint64_t one = 1;
    if (stop_event >= 0) [[maybe_unused]]
      const ssize_t n = ::write(stop_event, &one, sizeof one);
    if (room) room->end();
  }

  void stop() noexcept {
    ask_to_stop();
    for (pthread_t t : running) ::pthread_join(t, nullptr);
    running.clear();
  }

  std::error_code listen(rt::socket_address& at) {
    stop_event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    listener = ::socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (stop_event < 0 || listener < 0) return system_error(errno);
    const int yes = 1, no = 0;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (at.family() == AF_INET6) ::setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    if (::bind(listener, at.get(), at.length) != 0 || ::listen(listener, backlog) != 0)
      return system_error(errno);
    at.length = sizeof at.storage;
    if (::getsockname(listener, at.get(), &at.length) != 0) return system_error(errno);
    address = rt::to_text(at);
    room.emplace(listener, stop_event);
    return {};
  }

  struct start_of_thread {
    state* server;
    rt::session* answers;  // nullptr: it is the waiting room's thread
  };

  std::error_code launch() {
    sigset_t all, before;
    ::sigfillset(&all);
    for (int s : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGPROF}) ::sigdelset(&all, s);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = 0;
    for (int i = -1; i < threads && error == 0; ++i) {
      auto to = std::make_unique<start_of_thread>(
          start_of_thread{this, i < 0 ? nullptr : sessions[static_cast<std::size_t>(i)].get()});
      pthread_t t;
      error = ::pthread_create(&t, nullptr, main_of_thread, to.get());
      if (error != 0) break;
      [[maybe_unused]] auto* taken = to.release();
      running.push_back(t);
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return error == 0 ? std::error_code() : system_error(error);
  }

  static void* main_of_thread(void* argument) {
    const std::unique_ptr<start_of_thread> start(static_cast<start_of_thread*>(argument));
    ::pthread_setname_np(::pthread_self(), "taut/debug");
    rt::waiting_room& room = *start->server->room;
    if (start->answers == nullptr) {
      room.run();
      return nullptr;
    }
    while (std::unique_ptr<rt::client> next = room.take()) {
      start->answers->serve(*next);
      room.give_back(std::move(next));
    }
    return nullptr;
  }
};

namespace {

std::mutex& detached_lock() noexcept {
  static std::mutex m;
  return m;
}

}  // namespace

// Never freed: threads may outlive it.
std::vector<server::state*>& server::state::detached() {
  static auto* const all = new std::vector<state*>;
  return *all;
}

void server::state::stop_at_exit() noexcept {
  std::lock_guard hold(detached_lock());
  timespec limit = {};
  ::clock_gettime(CLOCK_REALTIME, &limit);
  limit.tv_sec += 1;
  for (state* s : detached()) s->ask_to_stop();
  for (state* s : detached()) {
    // One that still writes a large dump is left behind.
    for (pthread_t t : s->running) ::pthread_timedjoin_np(t, nullptr, &limit);
  }
}

result<server> server::start(std::string_view address, const serve_options& wanted) {
  if (wanted.threads < 1 || wanted.threads > most_threads) return make(failure::bad_threads);
  auto at = resolve(address);
  if (!at) return at.error();
  if (!wanted.allow_remote && !is_loopback(*at)) return make(failure::not_loopback);
  auto made = std::make_unique<state>();
  made->token = wanted.token;
  made->threads = wanted.threads;
  made->loopback = is_loopback(*at);
  made->running.reserve(static_cast<std::size_t>(wanted.threads) + 1);
  if (std::error_code error = made->listen(*at)) return error;
  for (int i = 0; i < wanted.threads; ++i) made->sessions.push_back(rt::make_session(*made));
  // Walks later need not ask the loader then.
  rt::refresh_modules();
  if (std::error_code error = made->launch()) return error;
  return server(made.release());
}

std::error_code serve(std::string_view address, const serve_options& wanted) {
  auto started = server::start(address, wanted);
  if (started) started->detach();
  return started.error();
}

server& server::operator=(server&& other) noexcept {
  if (this != &other) {
    stop();
    state_ = std::exchange(other.state_, nullptr);
  }
  return *this;
}

server::~server() { stop(); }

std::string server::address() const { return state_ == nullptr ? std::string() : state_->address; }

void server::stop() noexcept { delete std::exchange(state_, nullptr); }

void server::detach() noexcept {
  if (state_ == nullptr) return;
  std::lock_guard hold(detached_lock());
  static const int registered = std::atexit([] { state::stop_at_exit(); });
  static_cast<void>(registered);
  state::detached().push_back(std::exchange(state_, nullptr));
}

}  // namespace debug
TAUT_END_NAMESPACE
