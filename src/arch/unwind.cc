// SPDX-License-Identifier: Apache-2.0
// The walk. Each step finds the rule that holds at a program counter, from the cache or else from
// the module's tables, and applies it to the registers.
//
// Invariants
//   Memory is read through stack_memory only, so a wrong value can end the walk but not fault.
//   The stack pointer grows with every step, so the walk ends.
#include "arch/unwind.h"

#include "arch/cfi_expression.h"
#include "arch/eh_frame.h"
#include "arch/stack_memory.h"
#include "arch/unwind_cache.h"
#include "arch/unwind_modules.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

enum class step : std::uint8_t {
  caller,    // the registers are the caller's
  end,       // there is none, or it cannot be read
  no_rules,  // nothing says where the caller is
};

// Return addresses may be signed in the bits that addresses do not use.
std::uintptr_t plain(std::uintptr_t address) noexcept {
#if defined(__aarch64__)
  return address & 0x0000ffffffffffffu;
#else
  return address;
#endif
}

// Addresses have at most 48 bits; the generation of the module table fills the rest, so that what
// was learnt about a module that is gone is not found again.
std::uint64_t cache_key(const module_table& modules, std::uintptr_t address) noexcept {
  return address ^ modules.generation << 48;
}

class walk {
 public:
  walk(const frame_registers& from, const stack_memory& stack) noexcept
      : stack_(stack),
        registers_{from.pc, from.sp, from.fp, from.base, from.lr},
        exact_(from.exact) {}

  std::uintptr_t pc() const noexcept { return registers_.pc; }
  bool exact() const noexcept { return exact_; }

  bool advance() noexcept {
    step taken = modules_ == nullptr ? step::end : by_rules();
    if (taken == step::no_rules) taken = by_frame_pointer();
    return taken == step::caller && registers_.pc != 0;
  }

 private:
  step by_rules() noexcept;
  step apply(const packed_rule& rule) noexcept;
  step apply(const frame_row& row) noexcept;
  step by_frame_pointer() noexcept;
  step move(std::uintptr_t cfa, std::uintptr_t pc, bool signal) noexcept;
  bool recover(const register_rule& rule, std::uintptr_t cfa, std::uintptr_t same,
               std::uintptr_t& value) const noexcept;

  const stack_memory& stack_;
  const module_table* modules_ = current_modules();
  walk_registers registers_;
  bool exact_;  // registers_.pc is the next instruction, not one after a call
};

step walk::by_rules() noexcept {
  std::uintptr_t address = exact_ ? registers_.pc : registers_.pc - 1;
  std::uint64_t key = cache_key(*modules_, address);
  packed_rule rule;
  if (cache_find(key, rule)) return apply(rule);

  const loaded_module* module = modules_->find(address);
  if (module == nullptr) return step::no_rules;
  frame_row row;
  if (module->table.size == 0 || !find_row(module->table, address, row)) {
    rule.cfa_offset = 1;
    cache_insert(key, rule);
    return step::no_rules;
  }
  if (!pack(row, rule)) return apply(row);
  cache_insert(key, rule);
  return apply(rule);
}

step walk::move(std::uintptr_t cfa, std::uintptr_t pc, bool signal) noexcept {
  // A function that was interrupted before it made a frame may share its caller's address where
  // calls do not push (aarch64).
  if (cfa < registers_.sp || (cfa == registers_.sp && !exact_)) return step::end;
  registers_.sp = cfa;
  registers_.pc = plain(pc);
  registers_.lr = 0;
  exact_ = signal;
  return step::caller;
}

step walk::apply(const packed_rule& rule) noexcept {
  std::uintptr_t cfa = 0;
  switch (rule.from) {
    case cfa_base::sp:
      cfa = registers_.sp;
      break;
    case cfa_base::fp:
      cfa = registers_.fp;
      break;
    case cfa_base::base:
      cfa = registers_.base;
      break;
    case cfa_base::none:
      return rule.cfa_offset == 0 ? step::end : step::no_rules;
  }
  cfa += static_cast<std::uintptr_t>(std::int64_t{rule.cfa_offset});
  if (rule.load != 0 && !stack_.read(cfa, cfa)) return step::end;
  if (!stack_.spans(cfa)) return step::end;
  auto saved = [&](std::int64_t words) { return cfa + static_cast<std::uintptr_t>(words * 8); };
  std::uintptr_t pc = registers_.lr;
  if (rule.ra != packed_rule::unsaved && !stack_.read(saved(rule.ra), pc)) return step::end;
  if (rule.fp != packed_rule::unsaved && !stack_.read(saved(rule.fp), registers_.fp))
    registers_.fp = 0;
  if (rule.base != packed_rule::unsaved && !stack_.read(saved(rule.base), registers_.base))
    registers_.base = 0;
  return move(cfa, pc, rule.signal != 0);
}

bool walk::recover(const register_rule& rule, std::uintptr_t cfa, std::uintptr_t same,
                   std::uintptr_t& value) const noexcept {
  std::uintptr_t where = cfa + static_cast<std::uintptr_t>(rule.offset);
  switch (rule.kind) {
    case rule_kind::same:
      value = same;
      return true;
    case rule_kind::saved:
      return stack_.read(where, value);
    case rule_kind::value:
      value = where;
      return true;
    case rule_kind::saved_expression:
      return evaluate(rule.expression, registers_, stack_, &cfa, where) &&
             stack_.read(where, value);
    case rule_kind::value_expression:
      return evaluate(rule.expression, registers_, stack_, &cfa, value);
    case rule_kind::undefined:
    case rule_kind::other:
      break;
  }
  return false;
}

step walk::apply(const frame_row& row) noexcept {
  const register_rule& ra = row.rules[tracked_ra];
  if (ra.kind == rule_kind::undefined) return step::end;
  std::uintptr_t cfa = 0;
  if (row.cfa_expression.data != nullptr) {
    if (!evaluate(row.cfa_expression, registers_, stack_, nullptr, cfa)) return step::end;
  } else if (register_value(registers_, row.cfa_register, cfa)) {
    cfa += static_cast<std::uintptr_t>(row.cfa_offset);
  } else {
    return step::no_rules;
  }
  std::uintptr_t pc = 0, fp = 0, base = 0;
  if (!stack_.spans(cfa) || !recover(ra, cfa, registers_.lr, pc)) return step::end;
  if (!recover(row.rules[tracked_fp], cfa, registers_.fp, fp)) fp = 0;
  if (!recover(row.rules[tracked_base], cfa, registers_.base, base)) base = 0;
  registers_.fp = fp;
  registers_.base = base;
  return move(cfa, pc, row.signal);
}

// Code without rules usually keeps the chain: its caller's frame pointer, then the return address.
// What looks like one but does not lead into a module's code is not believed.
step walk::by_frame_pointer() noexcept {
  std::uintptr_t fp = registers_.fp, caller_fp = 0, pc = 0;
  if (fp < registers_.sp || !stack_.read(fp, caller_fp) || !stack_.read(fp + 8, pc))
    return step::end;
  if (modules_->find(plain(pc) - 1) == nullptr) return step::end;
  registers_.fp = caller_fp;
  registers_.base = 0;
  return move(fp + 16, pc, false);
}

std::size_t run(const frame_registers& from, const stack_memory& stack, std::uintptr_t* pcs,
                std::size_t limit) noexcept {
  if (limit == 0 || from.pc == 0) return 0;
  walk walk(from, stack);
  std::size_t count = 0;
  pcs[count++] = from.pc;
  while (count < limit && walk.advance()) pcs[count++] = walk.pc() + (walk.exact() ? 1 : 0);
  return count;
}

}  // namespace

std::size_t unwind(frame_registers from, stack_bounds bounds, std::uintptr_t* pcs,
                   std::size_t limit) noexcept {
  stack_memory stack(bounds.low, bounds.high, reinterpret_cast<const std::byte*>(bounds.low));
  return run(from, stack, pcs, limit);
}

std::size_t unwind_copy(frame_registers from, stack_bounds bounds, const std::byte* copy,
                        std::uintptr_t* pcs, std::size_t limit) noexcept {
  stack_memory stack(bounds.low, bounds.high, copy);
  return run(from, stack, pcs, limit);
}

}  // namespace rt
TAUT_END_NAMESPACE
