// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <utility>

#include "debug/exchange.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr const endpoint* table[] = {
    &pprof_endpoint,  &cpu_endpoint,    &cmdline_endpoint,
    &symbol_endpoint, &health_endpoint, &metrics_endpoint,
};

bool answers(const endpoint& e, std::string_view path) noexcept {
  return e.path.ends_with('/') ? path.starts_with(e.path) : path == e.path;
}

}  // namespace

std::span<const endpoint* const> endpoints() { return table; }

void route(exchange& x) {
  const endpoint* best = nullptr;
  for (const endpoint* e : table) {
    if (answers(*e, x.path) && (best == nullptr || e->path.size() > best->path.size())) best = e;
  }
  if (best == nullptr) {
    const bool folder = std::ranges::any_of(table, [&](const endpoint* e) {
      return e->path.ends_with('/') && e->path.substr(0, e->path.size() - 1) == x.path;
    });
    if (folder) {
      x.status = 301;
      x.set_header("Location", x.path + '/');
      return;
    }
    x.status = 404;
    x.set_header("X-Content-Type-Options", "nosniff");
    x.reply = "404 page not found\n";
    return;
  }
  if (x.method != "GET" && x.method != "HEAD" && !(x.method == "POST" && best->post)) {
    x.status = 405;
    x.set_header("Allow", best->post ? "GET, HEAD, POST" : "GET, HEAD");
    x.set_header("X-Content-Type-Options", "nosniff");
    x.reply = "Method Not Allowed\n";
    return;
  }
  best->handle(x);
}

int exchange::number(const std::string& name) const noexcept {
  const auto found = params.find(name);
  if (found == params.end()) return 0;
  const std::string& text = found->second;
  const std::size_t sign = text.starts_with('+') ? 1 : 0;
  int value = 0;
  auto [end, error] = std::from_chars(text.data() + sign, text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

bool exchange::wait_or_fail(std::int64_t nanoseconds) {
  switch (wait(nanoseconds)) {
    case waited::time_passed:
      return true;
    case waited::client_left:
      fail(500, "context canceled");
      return false;
    case waited::stopping:
      fail(503, "the server is being stopped");
      return false;
  }
  return false;
}

void exchange::set_header(std::string name, std::string value) {
  std::erase_if(headers, [&](const auto& h) { return h.first == name; });
  headers.emplace_back(std::move(name), std::move(value));
}

void exchange::fail(int code, std::string_view sentence) {
  status = code;
  content_type = "text/plain; charset=utf-8";
  stream = nullptr;
  std::erase_if(headers, [](const auto& h) { return h.first == "Content-Disposition"; });
  set_header("X-Content-Type-Options", "nosniff");
  set_header("X-Go-Pprof", "1");
  reply = std::string(sentence) + '\n';
}

void as_attachment(exchange& x, const std::string& name) {
  x.content_type = "application/octet-stream";
  x.set_header("Content-Disposition", "attachment; filename=\"" + name + '"');
}

slot::slot(exchange& x) : x_(x), held_(x.take_slot()) {
  if (!held_) x.fail(503, "too many requests that take long are being served; try again later");
}

}  // namespace rt
TAUT_END_NAMESPACE
