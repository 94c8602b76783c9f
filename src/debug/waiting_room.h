// SPDX-License-Identifier: Apache-2.0
// The connections of a server that need no thread of their own: those whose request has not come
// yet, those whose request waits for a thread, and those that have their answer and are not closed.
//
// One thread reads from all of them, so that a client that says nothing holds none of the threads
// that answer.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "debug/request_head.h"
#include "taut/export.h"

struct pollfd;

TAUT_BEGIN_NAMESPACE
namespace rt {

inline constexpr std::size_t most_waiting = 64;

// Who came for one answer. Closes the connection.
struct client {
  explicit client(int connection) noexcept : fd(connection) {}
  ~client();
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  const int fd;
  std::int64_t deadline = 0;  // to have asked, or to have left
  request_head head;          // once has_head
  std::string text;           // the head as far as it came, then the body
  bool has_head = false;
  bool leaving = false;       // has its answer
  std::size_t discarded = 0;  // bytes that it said since
};

class waiting_room {
 public:
  // Both descriptors are the server's: a listening one that does not block, and one that becomes
  // readable when the server stops.
  waiting_room(int listener, int stop_event);
  ~waiting_room();
  waiting_room(const waiting_room&) = delete;
  waiting_room& operator=(const waiting_room&) = delete;

  // Accepts and reads until the server stops. For one thread.
  void run() noexcept;

  // For the threads that answer. take() waits for a client whose request is complete; nullptr: the
  // server stops. give_back() takes one that was answered.
  std::unique_ptr<client> take() noexcept;
  void give_back(std::unique_ptr<client> answered) noexcept;

  // Lets take() return. From any thread; run() is ended by the descriptor.
  void end() noexcept;

 private:
  void wait() noexcept;
  void take_returned() noexcept;
  void read_all() noexcept;
  void accept_all() noexcept;
  // Drops somebody for a new client if need be. False: all are ready.
  bool make_place() noexcept;
  // Reads what it says, or, when that is nothing, ends its time. `c` is null when it left the room.
  void read(std::unique_ptr<client>& c, bool says_something) noexcept;
  std::size_t ready() noexcept;
  void wake() noexcept;

  const int listener_, stop_event_;
  const int wake_;  // an eventfd: a client was taken, or given back

  // The room's thread's.
  std::vector<std::unique_ptr<client>> clients_;  // who came or was answered first is first
  std::vector<pollfd> polled_;                    // listener, events, then as clients_
  std::int64_t accepts_again_ = 0;                // without descriptors or memory: not before

  std::mutex lock_;  // of what follows
  std::condition_variable came_;
  std::vector<std::unique_ptr<client>> ready_, returned_;
  bool ended_ = false;
};

}  // namespace rt
TAUT_END_NAMESPACE
