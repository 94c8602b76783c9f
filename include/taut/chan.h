// SPDX-License-Identifier: Apache-2.0
// Channels: chan<T>, and its directional ends send_chan<T> and recv_chan<T>.
//
//   taut::chan<job> jobs(16);                          // buffered; chan<job> jobs(0) hands over
//                                                      // directly
//   taut::go([=] { for (auto& j : jobs) handle(j); }); // ends when jobs is closed and drained
//   jobs.send(job{1});
//   jobs.close();
//
//   auto [results, incoming] = taut::make_chan<int>(4); // typed ends: closes itself when the last
//   sender dies
//
// A channel is a shared handle: copies name the same channel, and every call on one may come from
// any goroutine or thread at once (the handle object itself is not synchronised: give each
// goroutine its own copy). A default-made handle is nil: it blocks for ever, as in Go. T must be
// nothrow move constructible; its moves and destructor may run while the channel is locked, so they
// must not use taut themselves. Waits are ended by the goroutine's bound context, which throws
// taut::canceled; the forms that take a context or a deadline return result<T> instead and never
// throw canceled.
#pragma once

#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include "taut/detail/chan_core.h"
#include "taut/detail/chrono.h"
#include "taut/detail/context_fwd.h"
#include "taut/detail/iterator.h"
#include "taut/detail/site.h"
#include "taut/export.h"
#include "taut/result.h"

TAUT_BEGIN_NAMESPACE

template <class T>
class send_chan;
template <class T>
class recv_chan;

// The element of a channel that only signals.
struct unit {
  friend bool operator==(unit, unit) noexcept { return true; }
};

namespace detail {

// The sending half of the interface, shared by chan<T> and send_chan<T>.
template <class T, class Self>
class sends {
 public:
  // send(value) blocks until a receiver or the buffer took the value. Throws panic("send on closed
  // channel"), also when the channel is closed while it waits.
  void send(T value, site where = site::here()) const { chan_send(core(), &value, where); }
  // As send, but gives up when ctx ends: errc::canceled or errc::deadline_exceeded.
  result<void> send(const context& ctx, T value, site where = site::here()) const {
    return chan_send_until(core(), &value, {node_of(ctx), nullptr}, where);
  }
  // As send, but gives up at the deadline: errc::deadline_exceeded.
  result<void> send_until(std::chrono::steady_clock::time_point deadline, T value,
                          site where = site::here()) const {
    return chan_send_until(core(), &value, {nullptr, &deadline}, where);
  }
  // try_send(value) sends without waiting: errc::would_block when nobody can take it, errc::closed
  // when closed. The value is lost unless it succeeds; test before you build a costly one.
  result<void> try_send(T value, site where = site::here()) const {
    return chan_try_send(core(), &value, where);
  }
  // close() says that nothing more will be sent. Receivers drain the buffer, then see the end.
  // Throws panic when nil or closed already. Only a sender should close.
  void close(site where = site::here()) const { chan_close(core(), where); }

 private:
  chan_core* core() const noexcept { return static_cast<const Self*>(this)->handle().core(); }
};

// The receiving half, shared by chan<T> and recv_chan<T>.
template <class T, class Self>
class receives {
 public:
  // recv() blocks until there is a value; empty when the channel is closed and drained.
  std::optional<T> recv(site where = site::here()) const {
    elem_slot<T> slot;
    if (!chan_recv(core(), slot.bytes, where)) return std::nullopt;
    return take(slot);
  }
  // As recv, but gives up when ctx ends: errc::canceled or errc::deadline_exceeded; errc::closed
  // when closed and drained.
  result<T> recv(const context& ctx, site where = site::here()) const {
    return recv_until({node_of(ctx), nullptr}, where);
  }
  // As recv, but gives up at the deadline.
  result<T> recv_until(std::chrono::steady_clock::time_point deadline,
                       site where = site::here()) const {
    return recv_until(wait_limit{nullptr, &deadline}, where);
  }
  // try_recv() receives without waiting: errc::would_block when nothing is there, errc::closed when
  // closed and drained.
  result<T> try_recv(site where = site::here()) const noexcept {
    elem_slot<T> slot;
    if (std::error_code e = chan_try_recv(core(), slot.bytes, where)) return e;
    return take(slot);
  }

  // A channel is an input range: each step receives, and the range ends when the channel is closed
  // and drained.
  class iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    iterator() = default;
    T& operator*() const noexcept { return *value_; }
    iterator& operator++() {
      value_ = from_->recv(where_);
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept {
      return !i.value_;
    }

   private:
    friend receives;
    iterator(const receives* from, site where)
        : from_(from), where_(where), value_(from->recv(where)) {}
    const receives* from_ = nullptr;
    site where_;
    mutable std::optional<T> value_;
  };
  iterator begin(site where = site::here()) const { return iterator(this, where); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  result<T> recv_until(wait_limit limit, site where) const {
    elem_slot<T> slot;
    if (std::error_code e = chan_recv_until(core(), slot.bytes, limit, where)) return e;
    return take(slot);
  }
  static T take(elem_slot<T>& slot) noexcept {
    struct owner {
      T* element;
      ~owner() { element->~T(); }
    } own{slot.get()};
    return std::move(*own.element);
  }
  chan_core* core() const noexcept { return static_cast<const Self*>(this)->handle().core(); }
};

// What every handle can be asked.
template <class T, std::uint64_t Rights>
class chan_base {
  static_assert(std::is_nothrow_move_constructible_v<T>,
                "a channel's element must move without throwing");
  static_assert(std::is_object_v<T> && !std::is_const_v<T>);

 public:
  using value_type = T;
  chan_base() noexcept = default;
  explicit chan_base(chan_core* adopted) noexcept : handle_(adopted) {}
  template <std::uint64_t Other>
  chan_base(const chan_handle<Other>& other) noexcept : handle_(other) {}

  // len() is the number of buffered values, cap() the size of the buffer; both 0 when nil. A
  // snapshot: others go on.
  std::size_t len() const noexcept { return chan_len(handle_.core()); }
  std::size_t cap() const noexcept { return chan_cap(handle_.core()); }
  // False when nil.
  explicit operator bool() const noexcept { return handle_.core() != nullptr; }
  // reset() makes this handle nil.
  void reset() noexcept { handle_.reset(); }
  // Two handles are equal when they name the same channel.
  friend bool operator==(const chan_base& a, const chan_base& b) noexcept {
    return a.handle_.core() == b.handle_.core();
  }
  const chan_handle<Rights>& handle() const noexcept { return handle_; }

 private:
  chan_handle<Rights> handle_;
};

}  // namespace detail

// chan<T> may send, receive and close.
template <class T>
class chan : public detail::chan_base<T, detail::send_right | detail::recv_right>,
             public detail::sends<T, chan<T>>,
             public detail::receives<T, chan<T>> {
  using base = detail::chan_base<T, detail::send_right | detail::recv_right>;

 public:
  // chan() is nil.
  chan() noexcept = default;
  // chan(capacity) makes a channel. Throws panic("makechan: size out of range") when the buffer is
  // too large, std::bad_alloc without memory.
  explicit chan(std::size_t capacity, detail::site where = detail::site::here())
      : base(detail::chan_make(detail::elem_ops_of<T>, capacity,
                               detail::send_right | detail::recv_right, false, where)) {}
};

// send_chan<T> may send and close.
template <class T>
class send_chan : public detail::chan_base<T, detail::send_right>,
                  public detail::sends<T, send_chan<T>> {
  using base = detail::chan_base<T, detail::send_right>;

 public:
  send_chan() noexcept = default;
  explicit send_chan(detail::chan_core* adopted) noexcept : base(adopted) {}
  send_chan(const chan<T>& both) noexcept : base(both.handle()) {}
};

// recv_chan<T> may receive.
template <class T>
class recv_chan : public detail::chan_base<T, detail::recv_right>,
                  public detail::receives<T, recv_chan<T>> {
  using base = detail::chan_base<T, detail::recv_right>;

 public:
  recv_chan() noexcept = default;
  explicit recv_chan(detail::chan_core* adopted) noexcept : base(adopted) {}
  recv_chan(const chan<T>& both) noexcept : base(both.handle()) {}
};

// The two ends that make_chan returns.
template <class T>
struct chan_ends {
  send_chan<T> sender;
  recv_chan<T> receiver;
};

// make_chan<T>(capacity) makes a channel of typed ends: it closes by itself when its last send_chan
// dies, so a forgotten close cannot leave a receiver behind, and a sender with no receiver left is
// a proved leak at once.
template <class T>
[[nodiscard]] chan_ends<T> make_chan(std::size_t capacity,
                                     detail::site where = detail::site::here()) {
  auto* c = detail::chan_make(detail::elem_ops_of<T>, capacity,
                              detail::send_right | detail::recv_right, true, where);
  return {send_chan<T>(c), recv_chan<T>(c)};
}

TAUT_END_NAMESPACE
