// SPDX-License-Identifier: Apache-2.0
// The text is Go's, for Go's tools parse it: goleak, gotraceui, stack pretty printers. Differences
// that the grammar allows: arguments are always "(...)"; "created by" names the file's stem where a
// compiler does not say the function (clang 14); a thread that is no goroutine and waits on one of
// our primitives is listed as goroutine 1000000000000000001 and up, an id that no goroutine
// reaches.
#include "diag/dump.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>

#include "base/check.h"
#include "diag/debug_table.h"
#include "sched/current.h"
#include "sched/diagnosis.h"
#include "sched/labels.h"
#include "sched/registry.h"
#include "taut/diag.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::size_t outer_frames = 50, inner_frames = 50;
constexpr std::int64_t minute = 60'000'000'000;

// Bare when every character is safe, else quoted.
std::string label_token(std::string_view text) {
  const bool bare = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '/';
  });
  if (bare) return std::string(text);
  std::string quoted = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += static_cast<char>(c);
    } else if (c >= 0x20 && c < 0x7f) {
      quoted += static_cast<char>(c);
    } else {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\x%02x", c);
      quoted += escape;
    }
  }
  return quoted + '"';
}

std::string labels_text(std::string_view packed, std::string_view name) {
  std::string text;
  auto add = [&](std::string_view key, std::string_view value) {
    text += text.empty() ? " {" : ", ";
    text += label_token(key) + ": " + label_token(value);
  };
  for_each_label_and(packed, {{"name", name}}, add);
  return text.empty() ? text : text + "}";
}

std::string stem_of(std::string_view file) {
  if (const std::size_t slash = file.rfind('/'); slash != file.npos) file.remove_prefix(slash + 1);
  return std::string(file.substr(0, file.find('.')));
}

void append_frame(std::string& to, const named_frame& f) {
  to += f.function + "(...)\n\t" + (f.file.empty() ? std::string("?") : f.file) + ":" +
        std::to_string(f.line);
  if (f.offset != 0) {
    char offset[24];
    std::snprintf(offset, sizeof offset, " +0x%zx", static_cast<std::size_t>(f.offset));
    to += offset;
  }
  to += '\n';
}

class fd_sink final : public text_sink {
 public:
  explicit fd_sink(int fd) noexcept : fd_(fd) {}
  ~fd_sink() { flush(); }
  void write(std::string_view text) override {
    kept_ += text;
    if (kept_.size() > 32768) flush();
  }
  void flush() noexcept {
    write_all(fd_, kept_.c_str());
    kept_.clear();
  }

 private:
  int fd_;
  std::string kept_;
};

class string_sink final : public text_sink {
 public:
  void write(std::string_view piece) override { text += piece; }
  std::string text;
};

}  // namespace

const char* status_of(const goroutine_record& g) noexcept {
  if (g.waits()) {
    const char* reason = to_text(g.reason);
    return *reason != 0 ? reason : "waiting";
  }
  return state_of(g);
}

const char* state_of(const goroutine_record& g) noexcept {
  switch (g.state) {
    case goroutine_state::idle:
      return "idle";
    case goroutine_state::runnable:
      return "runnable";
    case goroutine_state::running:
      return "running";
    case goroutine_state::waiting:
      return "waiting";
    case goroutine_state::blocking:
      return "syscall";
  }
  return "???";
}

std::string dump_block(const snapshot& s, const goroutine_record& g, frame_namer& names,
                       bool leaked) {
  std::string text = "goroutine " + std::to_string(g.id) + " [" + status_of(g);
  if (leaked) text += " (leaked)";
  if (g.waits() && s.taken - g.since >= minute)
    text += ", " + std::to_string((s.taken - g.since) / minute) + " minutes";
  if (g.pinned) text += ", locked to thread";
  text += "]" +
          labels_text(s.labels_of(g), g.is_thread ? std::string_view("thread") : s.name_of(g)) +
          ":\n";
  if (g.is_thread) {
    // Only the place of the wait is known of a thread.
    const code_place& at = names.place_of(g.waits_at);
    append_frame(text, {"thread", at.file, at.line});
    return text;
  }
  const auto frames = names.shown_frames_of(s, g);
  if (frames.empty()) {
    text += "\tgoroutine running on other thread; stack unavailable\n";
  } else if (frames.size() <= inner_frames + outer_frames) {
    for (const named_frame* f : frames) append_frame(text, *f);
  } else {
    for (std::size_t i = 0; i < inner_frames; ++i) append_frame(text, *frames[i]);
    text +=
        "..." + std::to_string(frames.size() - inner_frames - outer_frames) + " frames elided...\n";
    for (std::size_t i = frames.size() - outer_frames; i < frames.size(); ++i)
      append_frame(text, *frames[i]);
  }
  if (const code_place& at = names.place_of(g.created);
      !at.file.empty() && !names.is_runtime(g.created)) {
    const std::string& function = names.function_of(g.created);
    text += "created by " + (function.empty() ? stem_of(at.file) : function);
    if (g.parent != 0) text += " in goroutine " + std::to_string(g.parent);
    text += "\n\t" + at.file + ":" + std::to_string(at.line) + "\n";
  }
  return text;
}

void dump_all(const snapshot& s, text_sink& to, const proofs* verdicts) {
  frame_namer names;
  bool first = true;
  auto block = [&](const goroutine_record& g) {
    if (!first) to.write("\n");
    first = false;
    const auto index = static_cast<std::uint32_t>(&g - s.goroutines.begin());
    to.write(
        dump_block(s, g, names, verdicts != nullptr && verdicts->of(index) == verdict::proved));
  };
  for (const goroutine_record& g : s.goroutines) {
    if (g.mine) block(g);
  }
  for (const goroutine_record& g : s.goroutines) {
    // run()'s own thread is no goroutine of the program's.
    if (!g.mine && !(g.is_thread && names.is_runtime(g.waits_at))) block(g);
  }
}

void prepare_diagnosis() noexcept {
  refresh_modules();
  publish_debug_table();
}

void write_goroutine_dump(int fd) noexcept {
  const frame_registers here = current_registers();
  snapshot s({.caller = &here});
  fd_sink to(fd);
  try {
    dump_all(s, to);
  } catch (...) {
    to.flush();
    write_all(fd, "taut: no memory for the rest of the dump\n");
  }
}

}  // namespace rt

void dump(int fd) {
  rt::refresh_modules();
  rt::write_goroutine_dump(fd);
}

std::string stack(bool all) {
  using namespace rt;
  refresh_modules();
  const frame_registers here = current_registers();
  snapshot s({.stacks = all, .caller = &here});
  string_sink to;
  if (all) {
    dump_all(s, to);
    return to.text;
  }
  frame_namer names;
  for (const goroutine_record& g : s.goroutines) {
    if (g.mine) return dump_block(s, g, names);
  }
  // A thread that is no goroutine.
  pthread_attr_t attributes;
  if (::pthread_getattr_np(::pthread_self(), &attributes) != 0) return {};
  void* low = nullptr;
  std::size_t size = 0;
  ::pthread_attr_getstack(&attributes, &low, &size);
  ::pthread_attr_destroy(&attributes);
  std::uintptr_t pcs[512];
  const std::size_t n =
      unwind(here, {here.sp, reinterpret_cast<std::uintptr_t>(low) + size}, pcs, 512);
  to.text = "goroutine 0 [running, locked to thread]:\n";
  for (std::size_t i = 0; i < n; ++i) {
    for (const named_frame& f : names.at(pcs[i])) {
      if (!f.hidden) append_frame(to.text, f);
    }
  }
  return to.text;
}

TAUT_END_NAMESPACE
