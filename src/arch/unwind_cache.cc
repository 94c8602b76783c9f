// SPDX-License-Identifier: Apache-2.0
// A four-way set-associative cache, a set to a cache line, shared by all threads without a lock.
//
// A slot is two words that are written one after the other and may be torn by another writer, so
// the first is the key mixed with a hash of the second: a pair of words from two different writes
// answers to neither key. Nobody ever waits, a lost insert is only inserted again, and a signal
// handler that interrupts a writer sees a miss.
//
// Memory order
//   MO-1  both words are relaxed: a slot proves itself by its own bits and points at nothing, so
//         it needs no order with anything. Partner: itself.
#include "arch/unwind_cache.h"

#include <atomic>
#include <bit>

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::size_t ways = 4;
constexpr std::size_t sets = 2048;  // 128 KiB, touched as call sites are met

struct slot {
  std::atomic<std::uint64_t> check;
  std::atomic<std::uint64_t> rule;
};
struct alignas(64) slot_set {
  slot slots[ways];
};
constinit slot_set cache[sets]{};

constexpr std::uint64_t golden = 0x9e3779b97f4a7c15u;

std::uint64_t hash(std::uint64_t value) noexcept {
  value *= golden;
  return value ^ value >> 32;
}

// The rule of a saved register in the packed form; false: it does not fit.
bool pack_slot(const register_rule& rule, std::int64_t& words) noexcept {
  if (rule.kind == rule_kind::same || rule.kind == rule_kind::undefined) {
    words = packed_rule::unsaved;
    return true;
  }
  words = rule.offset / 8;
  return rule.kind == rule_kind::saved && rule.offset % 8 == 0 && words > packed_rule::unsaved &&
         words <= 2047;
}

// The expression "load from register + offset", which is how an over-aligned frame finds its CFA.
bool is_load(const cfi_expression& expression, unsigned& number, std::int64_t& offset) noexcept {
  constexpr std::uint8_t deref = 0x06, breg0 = 0x70, breg31 = 0x8f;
  auto at = [&](std::size_t i) { return std::to_integer<std::uint8_t>(expression.data[i]); };
  std::size_t size = expression.size;
  if (size != 3 && size != 4) return false;
  if (at(0) < breg0 || at(0) > breg31 || at(size - 1) != deref) return false;
  bool two = size == 4;
  if (two != ((at(1) & 0x80) != 0) || (two && (at(2) & 0x80) != 0)) return false;
  number = at(0) - breg0;
  int bits = two ? 14 : 7;
  std::int64_t value = (at(1) & 0x7f) | (two ? at(2) << 7 : 0);
  offset = value >> (bits - 1) != 0 ? value - (std::int64_t{1} << bits) : value;
  return true;
}

}  // namespace

bool pack(const frame_row& row, packed_rule& rule) noexcept {
  packed_rule packed;
  packed.signal = row.signal;
  if (row.rules[tracked_ra].kind == rule_kind::undefined) {
    rule = packed;
    return true;
  }
  unsigned number = row.cfa_register;
  std::int64_t offset = row.cfa_offset;
  if (row.cfa_expression.data != nullptr) {
    if (!is_load(row.cfa_expression, number, offset)) return false;
    packed.load = 1;
  }
  switch (number) {
    case dwarf_sp:
      packed.from = cfa_base::sp;
      break;
    case dwarf_fp:
      packed.from = cfa_base::fp;
      break;
    case dwarf_base:
      packed.from = cfa_base::base;
      break;
    default:
      return false;
  }
  constexpr std::int64_t limit = std::int64_t{1} << 23;
  std::int64_t fp = 0, base = 0, ra = 0;
  if (offset < -limit || offset >= limit || !pack_slot(row.rules[tracked_fp], fp) ||
      !pack_slot(row.rules[tracked_base], base) || !pack_slot(row.rules[tracked_ra], ra))
    return false;
  packed.cfa_offset = offset;
  packed.fp = fp;
  packed.base = base;
  packed.ra = ra;
  rule = packed;
  return true;
}

bool cache_find(std::uint64_t key, packed_rule& rule) noexcept {
  for (slot& s : cache[hash(key) % sets].slots) {
    std::uint64_t bits = s.rule.load(std::memory_order_relaxed);                  // MO-1
    if ((s.check.load(std::memory_order_relaxed) ^ hash(bits)) != key) continue;  // MO-1
    rule = std::bit_cast<packed_rule>(bits);
    return true;
  }
  return false;
}

void cache_insert(std::uint64_t key, packed_rule rule) noexcept {
  auto bits = std::bit_cast<std::uint64_t>(rule);
  std::uint64_t hashed = hash(key);
  slot_set& set = cache[hashed % sets];
  slot* victim = &set.slots[hashed >> 60 & (ways - 1)];
  for (slot& s : set.slots) {
    if (s.check.load(std::memory_order_relaxed) != 0) continue;  // MO-1
    victim = &s;
    break;
  }
  victim->rule.store(bits, std::memory_order_relaxed);               // MO-1
  victim->check.store(key ^ hash(bits), std::memory_order_relaxed);  // MO-1
}

}  // namespace rt
TAUT_END_NAMESPACE
