// SPDX-License-Identifier: Apache-2.0
// Why a goroutine waits, in the words that Go's tools print.
#pragma once

#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

enum class wait_reason : std::uint8_t {
  none,     // not waiting
  io_wait,  // a descriptor to become ready
  sleep,    // a time
  chan_receive_nil,
  chan_send_nil,
  select_no_cases,  // for ever
  select,           // one of several channel operations
  chan_receive,
  chan_send,
  cond_wait,
  mutex_lock,
  rwmutex_rlock,
  rwmutex_lock,
  wait_group_wait,
  semacquire,        // a weighted semaphore, or a blocking helper
  context_done,      // context::wait(): Go prints chan receive
  context_never,     // of a context that never ends
  semacquire_never,  // more units than a semaphore has
  scope_join,        // a scope's members to end
  scope_enter,       // a place among a scope's members
  count
};

constexpr const char* to_text(wait_reason r) noexcept {
  switch (r) {
    case wait_reason::io_wait:
      return "IO wait";
    case wait_reason::sleep:
      return "sleep";
    case wait_reason::chan_receive_nil:
      return "chan receive (nil chan)";
    case wait_reason::chan_send_nil:
      return "chan send (nil chan)";
    case wait_reason::select_no_cases:
      return "select (no cases)";
    case wait_reason::select:
      return "select";
    case wait_reason::chan_receive:
      return "chan receive";
    case wait_reason::chan_send:
      return "chan send";
    case wait_reason::cond_wait:
      return "sync.Cond.Wait";
    case wait_reason::mutex_lock:
      return "sync.Mutex.Lock";
    case wait_reason::rwmutex_rlock:
      return "sync.RWMutex.RLock";
    case wait_reason::rwmutex_lock:
      return "sync.RWMutex.Lock";
    case wait_reason::wait_group_wait:
      return "sync.WaitGroup.Wait";
    case wait_reason::semacquire:
      return "semacquire";
    case wait_reason::context_done:
      return "chan receive";
    case wait_reason::context_never:
      return "chan receive (nil chan)";
    case wait_reason::semacquire_never:
    case wait_reason::scope_enter:
      return "semacquire";
    case wait_reason::scope_join:
      return "sync.WaitGroup.Wait";
    case wait_reason::none:
    case wait_reason::count:
      break;
  }
  return "";
}

// What is waited for, when that has an address and is no channel; else "".
constexpr const char* kind_of_object(wait_reason r) noexcept {
  switch (r) {
    case wait_reason::mutex_lock:
      return "mutex";
    case wait_reason::rwmutex_rlock:
    case wait_reason::rwmutex_lock:
      return "shared_mutex";
    case wait_reason::wait_group_wait:
      return "wait_group";
    case wait_reason::scope_join:
    case wait_reason::scope_enter:
      return "scope";
    case wait_reason::cond_wait:
      return "condition";
    case wait_reason::semacquire:
    case wait_reason::semacquire_never:
      return "semaphore";
    default:
      return "";
  }
}

}  // namespace rt
TAUT_END_NAMESPACE
