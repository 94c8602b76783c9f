// SPDX-License-Identifier: Apache-2.0
// singleflight: many callers who want the same thing at the same time share one call.
//
//   taut::singleflight<std::string, page> fetches;
//   auto [page, shared] = fetches.run(url, [&] { return fetch(url); });
//
// The first caller of a key runs its function; those who come before it returns wait and get the
// same result. An exception that leaves the function reaches every caller, except that a caller who
// waited sees std::system_error(errc::canceled) when the one who ran it was cancelled. Waiting is
// ended by the goroutine's bound context. Any goroutine or thread may call any function at once.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include "taut/chan.h"
#include "taut/detail/functional.h"
#include "taut/detail/guards.h"
#include "taut/detail/hash_table.h"
#include "taut/detail/site.h"
#include "taut/detail/spawn.h"
#include "taut/export.h"
#include "taut/mutex.h"
#include "taut/panic.h"
#include "taut/result.h"
#include "taut/wait_group.h"

TAUT_BEGIN_NAMESPACE

template <class Key, class Value, class Hash = std::hash<Key>, class Equal = std::equal_to<Key>>
class singleflight {
  static_assert(std::is_copy_constructible_v<Value>,
                "singleflight: every caller gets a copy of the value");

 public:
  struct outcome {
    Value value;
    bool shared;  // another caller got it too
  };
  // What run_chan() sends.
  class late_outcome {
   public:
    late_outcome(std::optional<Value> value, std::exception_ptr error, bool shared) noexcept
        : value_(std::move(value)), error_(std::move(error)), shared_(shared) {}
    bool shared() const noexcept { return shared_; }
    // get() returns the value or throws what the function threw.
    const Value& get() const {
      if (error_) std::rethrow_exception(error_);
      return *value_;
    }

   private:
    std::optional<Value> value_;
    std::exception_ptr error_;
    bool shared_;
  };

  singleflight() = default;
  singleflight(const singleflight&) = delete;
  singleflight& operator=(const singleflight&) = delete;

  // run(key, f) returns f(), or the result of a call for this key that runs already. Blocks until
  // it is there.
  template <class F>
  outcome run(const Key& key, F&& f, detail::site where = detail::site::here()) {
    auto [c, first] = join(key, where);
    if (!first) {
      c->done.wait(where);
      if (c->error) std::rethrow_exception(c->error);
      return {*c->value, true};
    }
    struct leaver {
      singleflight* of;
      const Key& key;
      call& mine;
      ~leaver() { of->leave(key, mine); }
    };
    {
      leaver at_end{this, key, *c};
      try {
        c->value.emplace(std::forward<F>(f)());
      } catch (const canceled&) {
        c->error = std::make_exception_ptr(std::system_error(make_error_code(errc::canceled)));
        throw;
      } catch (...) {
        c->error = std::current_exception();
        throw;
      }
    }
    return {*c->value, c->duplicates > 0};
  }

  // run_chan(key, f) is run in a goroutine of its own: the outcome comes by a channel that has room
  // for it. Does not block. The singleflight must outlive that goroutine.
  template <class F>
  recv_chan<late_outcome> run_chan(const Key& key, F&& f,
                                   detail::site where = detail::site::here()) {
    auto [sender, receiver] = make_chan<late_outcome>(1, where);
    detail::spawn_goroutine(
        [this, key, f = std::decay_t<F>(std::forward<F>(f)), to = std::move(sender),
         where]() mutable {
          std::optional<late_outcome> out;
          try {
            outcome o = run(key, f, where);
            out.emplace(std::optional<Value>(std::move(o.value)), nullptr, o.shared);
          } catch (...) {
            out.emplace(std::nullopt, std::current_exception(), false);
          }
          to.send(std::move(*out), where);
        },
        {}, nullptr, where);
    return std::move(receiver);
  }

  // forget(key) makes the next run() of the key call its function, though an earlier call still
  // runs.
  void forget(const Key& key) {
    detail::exclusive_guard hold(guard_);
    static_cast<void>(calls_.extract(key));
  }

 private:
  struct call {
    wait_group done;
    std::optional<Value> value;
    std::exception_ptr error;
    std::size_t duplicates = 0;  // guarded by guard_ until done
    std::atomic<std::size_t> references{0};
  };
  // Counts itself among those who need the call: the callers, and the table.
  class call_ref {
   public:
    explicit call_ref(call* c) noexcept : call_(c) { ++c->references; }
    call_ref(const call_ref& other) noexcept : call_ref(other.call_) {}
    call_ref& operator=(const call_ref&) = delete;
    ~call_ref() {
      if (--call_->references == 0) delete call_;
    }
    call* operator->() const noexcept { return call_; }
    call& operator*() const noexcept { return *call_; }

   private:
    call* call_;
  };

  std::pair<call_ref, bool> join(const Key& key, detail::site where) {
    detail::exclusive_guard hold(guard_);
    if (auto* running = calls_.find(key)) {
      ++running->value->duplicates;
      return {running->value, false};
    }
    call_ref c(new call);
    calls_.try_emplace(key, c);
    c->done.add(1, where);
    return {c, true};
  }
  void leave(const Key& key, call& mine) {
    {
      detail::exclusive_guard hold(guard_);
      if (auto* e = calls_.find(key); e != nullptr && &*e->value == &mine)
        static_cast<void>(calls_.extract(*e));
    }
    mine.done.done({});
  }

  mutex guard_;
  detail::hash_table<Key, call_ref, Hash, Equal> calls_;
};

TAUT_END_NAMESPACE
