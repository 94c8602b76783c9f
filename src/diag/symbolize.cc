// SPDX-License-Identifier: Apache-2.0
// Symbols by libbacktrace, and by the dynamic symbol table where it has none.
//
// Locks   symbols_lock, a leaf but for the allocator's: libbacktrace sorts its tables at the first
//         look-up, so callers take turns. It lists the modules then, for which the loader has a
//         lock of its own that no constructor of a library runs under.
#include "diag/symbolize.h"

#include <backtrace.h>
#include <cxxabi.h>

#include <charconv>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>

#include "diag/loaded_object.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constinit std::mutex symbols_lock;
constinit backtrace_state* symbols = nullptr;  // guarded by symbols_lock; made once, kept

void ignore_error(void*, const char*, int) {}

bool is_mangled(std::string_view name) noexcept { return name.starts_with("_Z"); }

// The demangler takes types too: a C function `i` would be `int`.
std::string demangled(const char* name) {
  if (!is_mangled(name)) return name;
  int status = 0;
  std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return status == 0 && text != nullptr ? text.get() : name;
}

std::string hexadecimal(std::uintptr_t value) {
  char digits[16];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, value, 16);
  return "0x" + std::string(digits, end);
}

std::string normalized(const char* file) {
  return std::filesystem::path(file).lexically_normal().string();
}

// What the loader knows of `pc`: the module, and the exported function if `names`.
symbol_frame from_loader(std::uintptr_t pc, bool names) {
  symbol_frame frame;
  loaded_object module;
  if (!loaded_object::find(pc, module)) {
    frame.function = hexadecimal(pc);
    return frame;
  }
  const exported_symbol symbol = module.symbol_at(pc);
  frame.entry = symbol.at;
  if (names && !symbol.name.empty()) {
    frame.function = demangled(symbol.name.c_str());
    frame.linked = symbol.name;
    return frame;
  }
  // Of a program at a fixed address the base is 0, and the offset what addr2line wants.
  frame.function = std::filesystem::path(module.path()).filename().string() + "+" +
                   hexadecimal(pc - module.base());
  return frame;
}

// libbacktrace is C and calls back through its own frames, so a failed allocation is kept for later
// rather than thrown through them.
struct lookup {
  std::vector<symbol_frame> frames;
  std::exception_ptr failure;
};

int on_line(void* argument, std::uintptr_t, const char* file, int line, const char* function) {
  auto& found = *static_cast<lookup*>(argument);
  if (function == nullptr && file == nullptr) return 0;
  try {
    symbol_frame frame;
    if (function != nullptr) {
      frame.function = demangled(function);
      frame.linked = function;
    }
    if (file != nullptr) frame.file = normalized(file);
    frame.line = line;
    found.frames.push_back(std::move(frame));
  } catch (...) {
    found.failure = std::current_exception();
    return 1;
  }
  return 0;
}

void on_symbol(void* argument, std::uintptr_t, const char* name, std::uintptr_t value,
               std::uintptr_t) {
  auto& found = *static_cast<lookup*>(argument);
  if (name == nullptr) return;
  try {
    if (found.frames.empty()) found.frames.emplace_back();
    symbol_frame& outer = found.frames.back();
    outer.entry = value;
    outer.linked = name;
    outer.symbol = demangled(name);
    // Debug information has only the last word of what no other file can call: no namespace, and
    // for a lambda operator().
    if (outer.function.empty() || is_mangled(name)) outer.function = outer.symbol;
  } catch (...) {
    found.failure = std::current_exception();
  }
}

}  // namespace

bool symbolizes() noexcept {
  static const bool on = [] {
    const char* value = std::getenv("TAUT_SYMBOLIZE");
    return value == nullptr || std::string_view(value) != "0";
  }();
  return on;
}

std::vector<symbol_frame> symbolize(std::uintptr_t return_address) {
  std::uintptr_t pc = return_address - 1;
  if (!symbolizes()) return {from_loader(pc, false)};

  lookup found;
  {
    std::lock_guard guard(symbols_lock);
    if (symbols == nullptr) symbols = backtrace_create_state(nullptr, 1, ignore_error, nullptr);
    if (symbols != nullptr) {
      backtrace_pcinfo(symbols, pc, on_line, ignore_error, &found);
      backtrace_syminfo(symbols, pc, on_symbol, ignore_error, &found);
    }
  }
  if (found.failure) std::rethrow_exception(found.failure);

  std::vector<symbol_frame>& frames = found.frames;
  if (frames.empty()) return {from_loader(pc, true)};
  if (frames.back().function.empty() || frames.back().entry == 0) {
    symbol_frame loader = from_loader(pc, true);
    if (frames.back().entry == 0) frames.back().entry = loader.entry;
    if (frames.back().function.empty()) {
      frames.back().function = loader.function;
      frames.back().linked = loader.linked;
    }
  }
  for (symbol_frame& frame : frames) {
    frame.entry = frames.back().entry;
    frame.inlined = &frame != &frames.back();
    if (frame.function.empty()) frame.function = "(inlined)";
  }
  return std::move(frames);
}

}  // namespace rt
TAUT_END_NAMESPACE
