// SPDX-License-Identifier: Apache-2.0
// The erased calls that chan.h and select.h wrap. Nothing here is for users.
#pragma once

#include <cstddef>
#include <cstdint>
#include <system_error>

#include "taut/detail/chrono.h"
#include "taut/detail/elem_ops.h"
#include "taut/detail/handle.h"
#include "taut/detail/site.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace detail {

struct chan_core;
struct context_node;

// What a handle may do. The channel counts live handles per direction in one word: senders low,
// receivers high.
inline constexpr std::uint64_t send_right = 1;
inline constexpr std::uint64_t recv_right = std::uint64_t{1} << 32;

// The new channel has one reference with `rights`. typed: it closes when its last sending handle
// dies.
TAUT_API chan_core* chan_make(const elem_ops& ops, std::size_t capacity, std::uint64_t rights,
                              bool typed, site where);
TAUT_API void chan_ref(chan_core* c, std::uint64_t rights) noexcept;
// from: the code that ends the handle.
TAUT_API void chan_unref(chan_core* c, std::uint64_t rights, const void* from) noexcept;
TAUT_API void chan_close(chan_core* c, site where);
TAUT_API std::size_t chan_len(const chan_core* c) noexcept;
TAUT_API std::size_t chan_cap(const chan_core* c) noexcept;
TAUT_API bool chan_closed(const chan_core* c) noexcept;

// Moves from *element, which stays destructible. Blocks. Throws panic on a closed channel.
TAUT_API void chan_send(chan_core* c, void* element, site where);
// Constructs *element and returns true, or returns false when closed and drained. Blocks.
TAUT_API bool chan_recv(chan_core* c, void* element, site where);
// The forms that never throw `canceled`. An empty error means success.
TAUT_API std::error_code chan_try_send(chan_core* c, void* element, site where);
TAUT_API std::error_code chan_try_recv(chan_core* c, void* element, site where) noexcept;

// When a wait that may be given up ends: by a context, by a deadline, or by neither.
struct wait_limit {
  context_node* context = nullptr;
  const std::chrono::steady_clock::time_point* deadline = nullptr;
};
TAUT_API std::error_code chan_send_until(chan_core* c, void* element, wait_limit limit, site where);
TAUT_API std::error_code chan_recv_until(chan_core* c, void* element, wait_limit limit, site where);

struct select_case {
  chan_core* channel;  // nullptr: never ready
  void* element;       // send: moved from; receive: constructed
  bool sends;
  bool received = false;  // receive: a value is there (false: closed)
};
inline constexpr std::size_t max_select_cases = 65535;
inline constexpr std::size_t select_otherwise = ~std::size_t{0};  // nothing was ready
inline constexpr std::size_t select_timed_out = ~std::size_t{1};
enum class select_mode : std::uint8_t { block, poll };
// Returns the index of the case that ran, select_otherwise (mode poll only) or select_timed_out.
TAUT_API std::size_t select_core(select_case* cases, std::size_t count, select_mode mode,
                                 const std::chrono::steady_clock::time_point* deadline, site where);
// The same of one case, in mode poll.
TAUT_API std::size_t select_poll(select_case* only, site where);

// What a handle's image says it may do: 0 both, 1 send, 2 receive.
constexpr std::uintptr_t rights_tag(std::uint64_t rights) noexcept {
  return rights == send_right ? 1 : rights == recv_right ? 2 : 0;
}

template <std::uint64_t Rights>
class chan_handle {
 public:
  constexpr chan_handle() noexcept = default;
  // Takes over a reference that already counts.
  explicit chan_handle(chan_core* adopted) noexcept : image_(adopted, tag) {}
  chan_handle(const chan_handle& other) noexcept : image_(share(other.core()), tag) {}
  chan_handle(chan_handle&& other) noexcept : image_(other.image_.wipe(), tag) {}
  // Narrowing: a handle of both directions gives one of either.
  template <std::uint64_t Other>
    requires((Other & Rights) == Rights && Other != Rights)
  chan_handle(const chan_handle<Other>& other) noexcept : image_(share(other.core()), tag) {}
  chan_handle& operator=(chan_handle other) noexcept {
    void* mine = image_.get();
    image_.set(other.image_.wipe(), tag);
    other.image_.set(mine, tag);
    return *this;
  }
  ~chan_handle() { reset(); }

  void reset() noexcept {
    chan_core* c = core();
    if (c == nullptr) return;
    image_.wipe();
    chan_unref(c, Rights, code_here());
  }
  chan_core* core() const noexcept { return static_cast<chan_core*>(image_.get()); }

 private:
  static constexpr std::uintptr_t tag = rights_tag(Rights);
  // Counts before there is an image: one more than is found is somewhere, one less would be
  // nowhere.
  static chan_core* share(chan_core* c) noexcept {
    if (c != nullptr) chan_ref(c, Rights);
    return c;
  }
  handle_image image_;
};

}  // namespace detail
TAUT_END_NAMESPACE
