// SPDX-License-Identifier: Apache-2.0
// context: says when work is no longer wanted, and carries values down a call tree. Go's package,
// by C++ means.
//
//   auto [ctx, cancel] = taut::with_timeout(parent, 80ms);   // cancel cancels when it dies: it
//                                                            // cannot be lost
//   auto answer = replies.recv(ctx);                         // value, or why there is none
//   taut::go(ctx, [=] { work(); });                          // bound: cancelling ends its waits
//
// A context is an immutable shared handle; every function may be called from any thread at once. A
// default-made context is background(). Cancelling a context cancels its descendants, before
// cancel() returns; then done() is closed and the waits of the goroutines bound to it end.
#pragma once

#include <any>
#include <exception>
#include <optional>
#include <string>
#include <system_error>
#include <typeinfo>
#include <utility>

#include "taut/chan.h"
#include "taut/detail/chrono.h"
#include "taut/detail/context_fwd.h"
#include "taut/detail/functional.h"
#include "taut/detail/handle.h"
#include "taut/detail/site.h"
#include "taut/export.h"
#include "taut/result.h"

TAUT_BEGIN_NAMESPACE

class context {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  // background(): never ends, has no values.
  context() noexcept = default;
  TAUT_API context(const context& other) noexcept;
  context(context&& other) noexcept : image_(other.image_.wipe()) {}
  TAUT_API context& operator=(context other) noexcept;
  TAUT_API ~context();

  // done() is closed when the context ends; nil (blocks for ever) when it never can. Does not
  // block.
  TAUT_API recv_chan<unit> done() const;
  // err() is empty while the context lives; then errc::canceled or errc::deadline_exceeded.
  TAUT_API std::error_code err() const noexcept;
  // cause() is null while the context lives; then what it was cancelled with, or a
  // std::system_error of err().
  TAUT_API std::exception_ptr cause() const;
  // deadline() is when the context will end by itself, if it will.
  TAUT_API std::optional<time_point> deadline() const noexcept;
  // wait() blocks until the context ends and returns err(). On one that never ends it blocks for
  // ever. Throws canceled when the goroutine's bound context ends first, unless this context ends
  // with it.
  TAUT_API std::error_code wait(detail::site where = detail::site::here()) const;
  // to_string() describes the chain as Go does: "context.Background.WithCancel".
  TAUT_API std::string to_string() const;

  // value<Key>() is the value that the nearest with_value<Key>() on the way to the root set, or
  // nullptr. It lives as long as a context of that branch. Key is any type, best a local tag.
  template <class Key>
  const typename Key::type* value() const noexcept {
    const std::any* a = find(typeid(Key));
    return a == nullptr ? nullptr : std::any_cast<typename Key::type>(a);
  }

  friend bool operator==(const context& a, const context& b) noexcept {
    return a.node() == b.node();
  }

  // For taut's own headers.
  explicit context(detail::context_node* adopted) noexcept : image_(adopted) {}
  detail::context_node* node() const noexcept {
    return static_cast<detail::context_node*>(image_.get());
  }

 private:
  TAUT_API const std::any* find(const std::type_info& key) const noexcept;
  detail::handle_image image_;
};

// cancel ends the context it came with. Move-only; cancels in its destructor, so an early return
// cannot lose it. Calling it again does nothing. Callable from any goroutine or thread; never
// blocks.
class [[nodiscard]] cancel {
 public:
  cancel() noexcept = default;
  // For taut's own code: takes over the duty to end `ctx`.
  explicit cancel(context ctx) noexcept : context_(std::move(ctx)), armed_(true) {}
  cancel(cancel&& other) noexcept
      : context_(std::move(other.context_)), armed_(std::exchange(other.armed_, false)) {}
  TAUT_API cancel& operator=(cancel&& other) noexcept;
  TAUT_API ~cancel();

  // Ends the context with errc::canceled.
  TAUT_API void operator()(detail::site where = detail::site::here()) noexcept;
  // As above, and cause() will be `why`. A null cause means plain cancellation. The first cause
  // wins.
  TAUT_API void operator()(std::exception_ptr why,
                           detail::site where = detail::site::here()) noexcept;
  // release() gives up the duty to cancel: the context then ends only with its parent or by its
  // deadline.
  TAUT_API void release() noexcept;

 private:
  context context_;
  bool armed_ = false;
};

// What the with_ functions return: auto [ctx, cancel] = with_cancel(parent);
struct [[nodiscard]] cancelable {
  context ctx;
  taut::cancel cancel;
};

// background() is the root of every chain; todo() is another root, for where it is not yet clear
// which context to use.
TAUT_API context background() noexcept;
TAUT_API context todo() noexcept;

// with_cancel() makes a child that ends with its parent or when `cancel` is called or dies.
TAUT_API cancelable with_cancel(const context& parent, detail::site where = detail::site::here());
// with_deadline() also ends it at `when` with errc::deadline_exceeded; the parent's deadline is
// kept when it is earlier. `why` becomes the cause when the deadline, and nothing else, ends it.
TAUT_API cancelable with_deadline(const context& parent, context::time_point when,
                                  std::exception_ptr why = nullptr,
                                  detail::site where = detail::site::here());
// with_timeout() is with_deadline(now + after). Zero or less: it has ended already.
TAUT_API cancelable with_timeout(const context& parent, std::chrono::nanoseconds after,
                                 std::exception_ptr why = nullptr,
                                 detail::site where = detail::site::here());
// without_cancel() keeps the parent's values, and never ends.
TAUT_API context without_cancel(const context& parent, detail::site where = detail::site::here());

namespace detail {
TAUT_API context with_any(const context& parent, const std::type_info& key, std::any value,
                          site where);
}

// with_value<Key>(parent, v) makes a child that answers value<Key>() with v. Key names the type:
// struct user_key { using type = user; };
template <class Key>
[[nodiscard]] context with_value(const context& parent, typename Key::type value,
                                 detail::site where = detail::site::here()) {
  return detail::with_any(parent, typeid(Key), std::any(std::move(value)), where);
}

// after_func runs f in a goroutine of its own once ctx has ended (at once if it has). Its handle's
// destructor stops it.
class [[nodiscard]] after_func {
 public:
  TAUT_API after_func(const context& ctx, std::function<void()> f,
                      detail::site where = detail::site::here());
  TAUT_API after_func(after_func&& other) noexcept;
  TAUT_API after_func& operator=(after_func&& other) noexcept;
  TAUT_API ~after_func();
  // stop() prevents f from running: true if it did, false if f has started already or was stopped.
  // Does not wait for f.
  TAUT_API bool stop() noexcept;
  // release() lets f run even when this handle is gone.
  TAUT_API void release() noexcept;

 private:
  void* registration_ = nullptr;
};

TAUT_END_NAMESPACE
