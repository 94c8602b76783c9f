// SPDX-License-Identifier: Apache-2.0
// Everything reachable from the handler is async-signal-safe: no allocation, no locks, no stdio
// streams.
#include "sched/overflow.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>

#include "arch/stack.h"
#include "base/check.h"
#include "sched/registry.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::size_t signal_stack_size = std::size_t{64} << 10;

}  // namespace

bool is_stack_guard(std::uintptr_t address) noexcept {
  const goroutine_slab* slab = the_registry().find_stack(address);
  if (slab == nullptr) return false;
  const std::size_t i =
      (address - reinterpret_cast<std::uintptr_t>(slab->stacks.base)) / slab->stacks.stride();
  return address < reinterpret_cast<std::uintptr_t>(slab->stacks.low(i));
}

void report_overflow(std::uintptr_t address) noexcept {
  const goroutine_slab& slab = *the_registry().find_stack(address);
  const std::size_t i =
      (address - reinterpret_cast<std::uintptr_t>(slab.stacks.base)) / slab.stacks.stride();
  const goroutine& g = slab.descriptors[i];
  const std::size_t size = slab.stacks.stack_size;
  char text[640];
  std::snprintf(
      text, sizeof text,
      "fatal error: stack overflow\n\n"
      "taut: goroutine %llu%s%s%s used all %zu bytes of its stack (%zu touched), made at %s:%u\n"
      "remedy: give it more by taut::go({.stack = %zu}, ...) or taut::options::stack_size, or put "
      "large "
      "objects on the heap\n",
      static_cast<unsigned long long>(g.id.load()), g.name[0] != 0 ? " (" : "", g.name,
      g.name[0] != 0 ? ")" : "", size, touched_stack(g.stack_low, g.stack_high),
      g.created ? g.created->file : "?", g.created ? g.created->line : 0, size * 4);
  write_all(2, text);
}

void* install_signal_stack() noexcept {
  stack_t old = {};
  if (::sigaltstack(nullptr, &old) == 0 && (old.ss_flags & SS_DISABLE) == 0) return nullptr;
  void* p = ::mmap(nullptr, signal_stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                   -1, 0);
  if (p == MAP_FAILED) return nullptr;
  stack_t s = {};
  s.ss_sp = p;
  s.ss_size = signal_stack_size;
  ::sigaltstack(&s, nullptr);
  return p;
}

void remove_signal_stack(void* stack) noexcept {
  if (stack == nullptr) return;
  stack_t off = {};
  off.ss_flags = SS_DISABLE;
  ::sigaltstack(&off, nullptr);
  ::munmap(stack, signal_stack_size);
}

}  // namespace rt
TAUT_END_NAMESPACE
