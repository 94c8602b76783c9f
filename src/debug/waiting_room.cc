// SPDX-License-Identifier: Apache-2.0
// States of a client
//   asking    the room reads its request, for ask_time at most
//   ready     its whole request has come; waits for a thread
//   answered  by a thread, or refused by the room: no thread's any more
//   leaving   the room reads on, for a moment, until it closes: a connection that is closed while
//             something of the client's is unread is reset, and the answer may be lost
//
// Bounds       At most `most_waiting` are asking, ready or leaving. For a new one the one that is
//              leaving, or else asking, for longest is dropped. While all are ready, new ones wait
//              in the kernel's queue. A client's text is at most most_head, or most_body, long.
//
// Locks        lock_, for a few lines; nothing is called under it.
//
// Rejected     a thread for each connection: a dozen idle ones kept the server from answering.
#include "debug/waiting_room.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "base/clock.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::int64_t millisecond = 1'000'000, second = 1'000'000'000;
constexpr std::int64_t ask_time = 5 * second;  // for the whole request
constexpr std::int64_t leave_time = second / 2;
constexpr std::int64_t nap = 50 * millisecond;  // without descriptors or memory for a connection
constexpr std::size_t most_discarded = 262144;
constexpr std::size_t events = 3;  // entries of polled_ before the clients'

int milliseconds_until(std::int64_t t) noexcept {
  const std::int64_t left = t - real_now();
  return left <= 0 ? 0 : static_cast<int>(std::min<std::int64_t>(left / millisecond + 1, 60'000));
}

// Nothing more comes from us.
void leave(client& c) noexcept {
  ::shutdown(c.fd, SHUT_WR);
  c.leaving = true;
  c.deadline = real_now() + leave_time;
  c.head = {};
  std::string().swap(c.text);
}

// The first words on its connection: they fit into its buffer.
void refuse(client& c, int status) {
  const std::string words = refusal(status);
  static_cast<void>(::send(c.fd, words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  leave(c);
}

// As recv(): -EAGAIN: nothing has come.
ssize_t receive(int fd, char* to, std::size_t size) noexcept {
  for (;;) {
    const ssize_t n = ::recv(fd, to, size, MSG_DONTWAIT);
    if (n >= 0) return n;
    if (errno != EINTR) return errno == EWOULDBLOCK ? -EAGAIN : -errno;
  }
}

bool has_left(client& c) noexcept {
  for (char some[4096];;) {
    const ssize_t n = receive(c.fd, some, sizeof some);
    if (n == -EAGAIN) return false;
    if (n <= 0) return true;
    c.discarded += static_cast<std::size_t>(n);
    if (c.discarded > most_discarded) return true;
  }
}

enum class progress {
  incomplete,
  complete,
  refused,  // with client::head.status
  nothing,  // to answer
};

// No more comes: why, as a status.
progress without_more(client& c, int status) noexcept {
  if (!c.has_head && c.text.empty()) return progress::nothing;
  c.head.status = status;
  return progress::refused;
}

progress read_request(client& c) {
  for (char some[4096];;) {
    const ssize_t n = receive(c.fd, some, sizeof some);
    if (n == -EAGAIN) return progress::incomplete;
    if (n <= 0) return without_more(c, 400);
    const std::size_t before = c.text.size();
    c.text.append(some, static_cast<std::size_t>(n));
    if (!c.has_head) {
      const std::size_t size = size_of_head(c.text, before);
      if (size > most_head || (size == 0 && c.text.size() >= most_head))
        return without_more(c, 431);
      if (size == 0) continue;
      c.head = check_head(std::string_view(c.text).substr(0, size));
      if (c.head.status != 0) return progress::refused;
      c.has_head = true;
      c.text.erase(0, size);
    }
    if (c.text.size() >= c.head.content_length) {
      c.text.resize(c.head.content_length);
      return progress::complete;
    }
  }
}

}  // namespace

client::~client() { ::close(fd); }

waiting_room::waiting_room(int listener, int stop_event)
    : listener_(listener),
      stop_event_(stop_event),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw std::system_error(errno, std::generic_category());
  clients_.reserve(most_waiting);
  ready_.reserve(2 * most_waiting);
  polled_.reserve(events + most_waiting);
}

waiting_room::~waiting_room() { ::close(wake_); }

void waiting_room::run() noexcept {
  for (;;) {
    wait();
    if (polled_[0].revents != 0) return;
    // Who has said something is not dropped for who comes now.
    read_all();
    take_returned();
    accept_all();
  }
}

void waiting_room::wait() noexcept {
  const bool accepts = real_now() >= accepts_again_;
  std::int64_t until = accepts ? INT64_MAX : accepts_again_;
  for (const auto& c : clients_) until = std::min(until, c->deadline);
  const bool full = clients_.empty() && ready() >= most_waiting;
  polled_.clear();
  polled_.push_back({stop_event_, POLLIN, 0});
  polled_.push_back({wake_, POLLIN, 0});
  // poll() passes over what is negative.
  polled_.push_back({accepts && !full ? listener_ : -1, POLLIN, 0});
  for (const auto& c : clients_) polled_.push_back({c->fd, POLLIN, 0});
  if (::poll(polled_.data(), polled_.size(), until == INT64_MAX ? -1 : milliseconds_until(until)) <
      0) {
    const bool interrupted = errno == EINTR;
    for (pollfd& p : polled_) p.revents = 0;
    if (!interrupted) ::poll(polled_.data(), 1, nap / millisecond);
  }
}

void waiting_room::read_all() noexcept {
  const std::int64_t now = real_now();
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    const bool says_something = polled_[events + i].revents != 0;
    if (says_something || now >= clients_[i]->deadline) read(clients_[i], says_something);
  }
  std::erase(clients_, nullptr);
}

void waiting_room::read(std::unique_ptr<client>& c, bool says_something) noexcept try {
  if (c->leaving) {
    if (!says_something || has_left(*c)) c.reset();
    return;
  }
  switch (says_something ? read_request(*c) : without_more(*c, 408)) {
    case progress::incomplete:
      return;
    case progress::complete: {
      std::lock_guard hold(lock_);
      ready_.push_back(std::move(c));
    }
      came_.notify_one();
      return;
    case progress::refused:
      refuse(*c, c->head.status);
      return;
    case progress::nothing:
      c.reset();
      return;
  }
} catch (...) {
  // No memory for what it says.
  c.reset();
}

void waiting_room::take_returned() noexcept {
  if (polled_[1].revents == 0) return;
  std::uint64_t ignored;
  static_cast<void>(!::read(wake_, &ignored, sizeof ignored));
  std::vector<std::unique_ptr<client>> returned;
  {
    std::lock_guard hold(lock_);
    returned.swap(returned_);
  }
  // Where there is no place for one more, it has had its answer.
  for (auto& c : returned) {
    if (make_place()) clients_.push_back(std::move(c));
  }
}

bool waiting_room::make_place() noexcept {
  if (clients_.size() + ready() < most_waiting) return true;
  if (clients_.empty()) return false;
  const auto leaving = std::ranges::find_if(clients_, [](const auto& c) { return c->leaving; });
  clients_.erase(leaving == clients_.end() ? clients_.begin() : leaving);
  return true;
}

void waiting_room::accept_all() noexcept {
  if (polled_[2].revents == 0) return;
  // Others are to be read in between, too.
  for (std::size_t i = 0; i < most_waiting; ++i) {
    if (clients_.empty() && ready() >= most_waiting) return;
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        accepts_again_ = real_now() + nap;
      if (errno != EINTR && errno != ECONNABORTED) return;
      continue;
    }
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    std::unique_ptr<client> came(new (std::nothrow) client(fd));
    if (came == nullptr) {
      ::close(fd);
      return;
    }
    make_place();
    came->deadline = real_now() + ask_time;
    clients_.push_back(std::move(came));
    // Most have said all by now.
    read(clients_.back(), true);
    if (clients_.back() == nullptr) clients_.pop_back();
  }
}

std::unique_ptr<client> waiting_room::take() noexcept {
  std::unique_ptr<client> first;
  {
    std::unique_lock hold(lock_);
    came_.wait(hold, [&] { return ended_ || !ready_.empty(); });
    if (ended_) return nullptr;
    first = std::move(ready_.front());
    ready_.erase(ready_.begin());
  }
  wake();
  return first;
}

void waiting_room::give_back(std::unique_ptr<client> answered) noexcept {
  leave(*answered);
  try {
    std::lock_guard hold(lock_);
    returned_.push_back(std::move(answered));
  } catch (...) {
    return;
  }
  wake();
}

void waiting_room::end() noexcept {
  {
    std::lock_guard hold(lock_);
    ended_ = true;
  }
  came_.notify_all();
}

std::size_t waiting_room::ready() noexcept {
  std::lock_guard hold(lock_);
  return ready_.size();
}

void waiting_room::wake() noexcept {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(wake_, &one, sizeof one));
}

}  // namespace rt
TAUT_END_NAMESPACE
