// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <utility>

#include "debug/exchange.h"
#include "debug/target.h"
#include "debug/text.h"

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

bool allows(const endpoint& e, std::string_view method) noexcept {
  return method == "GET" || method == "HEAD" || (method == "POST" && e.post);
}

// The most specific one.
const endpoint* find(std::string_view path) noexcept {
  const endpoint* best = nullptr;
  for (const endpoint* e : table) {
    if (answers(*e, path) && (best == nullptr || e->path.size() > best->path.size())) best = e;
  }
  return best;
}

}  // namespace

std::span<const endpoint* const> endpoints() { return table; }

void route(exchange& x) {
  const bool connects = x.method == "CONNECT";
  std::string clean = connects ? x.sent_path : clean_path(x.sent_path);
  const endpoint* found = find(clean == x.sent_path ? x.path : clean);
  if (found == nullptr) {
    // A folder's page, asked for as a file's.
    found = find(clean + '/');
    if (found != nullptr && found->path.size() != clean.size() + 1) found = nullptr;
    if (found != nullptr && allows(*found, x.method)) return x.redirect(clean + '/');
  }
  if (clean != x.sent_path) return x.redirect(clean);
  if (found == nullptr) {
    x.status = 404;
    x.set_header("X-Content-Type-Options", "nosniff");
    x.reply = "404 page not found\n";
    return;
  }
  if (!allows(*found, x.method)) {
    x.status = 405;
    x.set_header("Allow", found->post ? "GET, HEAD, POST" : "GET, HEAD");
    x.set_header("X-Content-Type-Options", "nosniff");
    x.reply = "Method Not Allowed\n";
    return;
  }
  found->handle(x);
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

void exchange::redirect(std::string_view to) {
  const std::string url = url_of(to, query);
  status = 307;
  set_header("Location", url);
  if (method != "GET" && method != "HEAD") return;
  content_type = "text/html; charset=utf-8";
  reply = "<a href=\"" + escaped_html(url) + "\">Temporary Redirect</a>.\n\n";
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
