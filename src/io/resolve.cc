// SPDX-License-Identifier: Apache-2.0
// Names to addresses by getaddrinfo, which blocks: it runs in a goroutine of its own inside
// blocking(), and who asked waits on a channel, so that a cancelled or timed-out dial need not wait
// for a name server. The answer to nobody is dropped.
#include <errno.h>
#include <netdb.h>

#include <cstring>
#include <memory>

#include "base/annotations.h"
#include "io/address.h"
#include "sched/context_waits.h"
#include "taut/chan.h"
#include "taut/go.h"
#include "taut/io.h"
#include "taut/net.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

struct answer {
  std::vector<socket_address> found;
  std::error_code error;
};

struct question {
  std::string host, service;
  addrinfo hints{};
};

// errno right after the call, in a function that is not inlined into one that parks.
TAUT_NOINLINE int ask(const question& q, addrinfo** list, int* system_error) noexcept {
  const int r =
      ::getaddrinfo(q.host.empty() ? nullptr : q.host.c_str(), q.service.c_str(), &q.hints, list);
  *system_error = errno;
  return r;
}

answer find(const question& q) {
  addrinfo* list = nullptr;
  int system_error = 0;
  answer a;
  switch (ask(q, &list, &system_error)) {
    case 0:
      break;
    case EAI_AGAIN:
    case EAI_MEMORY:
    case EAI_FAIL:
      a.error = errc::unavailable;
      return a;
    case EAI_SYSTEM:
      a.error = {system_error, std::system_category()};
      return a;
    default:
      a.error = errc::bad_address;
      return a;
  }
  std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> own(list, &::freeaddrinfo);
  for (; list != nullptr; list = list->ai_next) {
    socket_address one;
    std::memcpy(&one.storage, list->ai_addr, list->ai_addrlen);
    one.length = list->ai_addrlen;
    a.found.push_back(one);
  }
  return a;
}

// Name-service modules are generous with stack.
constexpr std::size_t resolver_stack = std::size_t{512} << 10;

}  // namespace

result<std::vector<socket_address>> look_up(network n, const std::string& host,
                                            const std::string& service, bool passive,
                                            detail::io_limit limit, detail::site where) {
  question q{host, service.empty() ? "0" : service, {}};
  q.hints.ai_socktype = SOCK_STREAM;
  q.hints.ai_family = n == network::tcp4 ? AF_INET : n == network::tcp6 ? AF_INET6 : AF_UNSPEC;
  // First without asking anybody: addresses and port numbers, which is the usual case.
  q.hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | (passive ? AI_PASSIVE : 0);
  answer a = find(q);
  if (!a.error) return std::move(a.found);
  if (limit.explicit_context) {
    if (std::error_code e = context_error(limit.context)) return e;
  }
  q.hints.ai_flags = (passive ? AI_PASSIVE : 0) | (host.empty() ? 0 : AI_ADDRCONFIG);
  chan<answer> first(1, where);
  detail::spawn_goroutine(
      [first, q = std::move(q)] { first.send(blocking([&] { return find(q); })); },
      {.name = "resolver", .stack = resolver_stack}, nullptr, where);
  if (!limit.explicit_context) {
    a = *first.recv(where);
  } else {
    detail::elem_slot<answer> slot;
    if (std::error_code e = detail::chan_recv_until(first.handle().core(), slot.bytes,
                                                    {limit.context, nullptr}, where)) {
      return e;
    }
    a = std::move(*slot.get());
    slot.get()->~answer();
  }
  if (a.error) return a.error;
  return std::move(a.found);
}

}  // namespace rt

namespace {

result<std::vector<std::string>> resolve_within(std::string_view host, std::string_view service,
                                                detail::io_limit limit, detail::site where) {
  auto found =
      rt::look_up(rt::network::tcp, std::string(host), std::string(service), false, limit, where);
  if (!found) return found.error();
  std::vector<std::string> texts;
  for (const rt::socket_address& a : *found) texts.push_back(rt::to_text(a));
  return texts;
}

}  // namespace

result<std::vector<std::string>> resolve(std::string_view host, std::string_view service,
                                         detail::site where) {
  return resolve_within(host, service, {}, where);
}
result<std::vector<std::string>> resolve(const context& ctx, std::string_view host,
                                         std::string_view service, detail::site where) {
  return resolve_within(host, service, detail::limit_of(ctx), where);
}

TAUT_END_NAMESPACE
