// SPDX-License-Identifier: Apache-2.0
// The server's threads and what they share. What needs the HTTP library's header is in session.cc
// alone.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "debug/waiting_room.h"
#include "taut/debug.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct http_server {
  int listener = -1;    // does not block
  int stop_event = -1;  // readable once the server stops
  std::optional<waiting_room> room;
  bool loopback = true;  // only this machine can reach it
  std::string token;
  int threads = 0;
  std::string address;
  std::atomic<int> slow{0};  // requests that hold a slot
};

// What one thread of the server answers with; used for one connection after the other.
class session {
 public:
  virtual ~session() = default;
  // Answers the request, which is complete. Throws nothing.
  virtual void serve(client& asks) noexcept = 0;
};

std::unique_ptr<session> make_session(http_server& server);

// Waits until the descriptor is ready for `events` (poll's). False: time is up, the server stops,
// or the descriptor is broken.
bool wait_ready(const http_server& server, int fd, short events, std::int64_t deadline) noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
