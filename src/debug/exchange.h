// SPDX-License-Identifier: Apache-2.0
// One request and its answer, as an endpoint sees them; and the table of endpoints.
//
// A new page is a file that defines an `endpoint`, a declaration below and a line in endpoints.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "diag/dump.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

class exchange {
 public:
  // What was asked. Bounded: the head of a request has at most 16 KiB, its body 64 KiB.
  std::string method;  // GET, HEAD or POST
  std::string path;
  std::string sent_path;  // undecoded
  std::string query;      // undecoded, without the question mark
  std::multimap<std::string, std::string> params;
  std::string body;

  // What is answered: a body at once, or one that is written bit by bit.
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string reply;
  // Instead of `reply`. A sink that throws has no reader any more: let it pass.
  std::function<void(text_sink&)> stream;

  // The first value; empty when there is none.
  std::string param(const std::string& name) const {
    const auto found = params.find(name);
    return found == params.end() ? std::string() : found->second;
  }
  // As Go's strconv.Atoi with the error ignored: 0 for what is no number.
  int number(const std::string& name) const noexcept;
  // Instead of what it was.
  void set_header(std::string name, std::string value);
  // Answers that the page is at another path.
  void redirect(std::string_view to);
  // Answers with a sentence, as Go's profile handlers do.
  void fail(int code, std::string_view sentence);

  enum class waited { time_passed, client_left, stopping };
  // Sleeps. The caller holds a slot.
  virtual waited wait(std::int64_t nanoseconds) = 0;
  // As wait(); false: not all of the time passed, and the answer says so.
  bool wait_or_fail(std::int64_t nanoseconds);
  // Half of the server's threads may do what takes long. False: all of them do; answer 503.
  virtual bool take_slot() noexcept = 0;
  virtual void give_slot() noexcept = 0;

 protected:
  exchange() = default;
  ~exchange() = default;
};

// Writes into the answer's body.
class reply_sink final : public text_sink {
 public:
  explicit reply_sink(exchange& x) noexcept : x_(x) {}
  void write(std::string_view piece) override { x_.reply += piece; }

 private:
  exchange& x_;
};

// While it lives, the request may take long. Check it: false when too many do already, and then
// the request has been answered.
class slot {
 public:
  explicit slot(exchange& x);
  ~slot() {
    if (held_) x_.give_slot();
  }
  slot(const slot&) = delete;
  slot& operator=(const slot&) = delete;
  explicit operator bool() const noexcept { return held_; }

 private:
  exchange& x_;
  const bool held_;
};

struct endpoint {
  std::string_view path;  // one that ends in '/' stands for everything below it, too
  bool post;              // besides GET and HEAD
  void (*handle)(exchange& x);
  // A line for the index page, which lists those below /debug/pprof/; nullptr: not listed.
  const char* description;
};

std::span<const endpoint* const> endpoints();
// The most specific endpoint; answers 404, 405 or a redirect itself.
void route(exchange& x);

extern const endpoint pprof_endpoint, cpu_endpoint, cmdline_endpoint, symbol_endpoint,
    health_endpoint, metrics_endpoint;

// Of `seconds=`: a request that asks for more is taken for a mistake.
inline constexpr std::int64_t most_seconds = 3600;
// The answer is a file for pprof, of this name.
void as_attachment(exchange& x, const std::string& name);

}  // namespace rt
TAUT_END_NAMESPACE
