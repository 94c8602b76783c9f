// SPDX-License-Identifier: Apache-2.0
// The report of a fatal signal. See sched/crash.h for who calls what.
//
// The crashed thread takes the snapshot, which needs neither locks nor the allocator, and offers it
// to the watching thread, which knows names. If that one gets stuck, because the crashed thread
// holds a lock that it needs, or dies itself of the same damaged heap, the crashed thread writes
// the report again with modules and offsets.
//
// States of `stage`
//   nothing -> offered (crashed thread) -> taken -> done (watching thread)
//   offered, taken -> abandoned (crashed thread, after a time without progress)
//   taken -> failed (watching thread, in its signal handler)
#include "sched/crash.h"

#include <signal.h>
#include <time.h>

#include <atomic>

#include "base/clock.h"
#include "diag/dump.h"
#include "diag/frames.h"
#include "diag/raw_text.h"
#include "diag/safe_memory.h"
#include "diag/sites.h"
#include "diag/snapshot.h"
#include "sched/diagnosis.h"
#include "sched/place.h"
#include "sched/runtime_state.h"
#include "sched/worker.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::int64_t patience = 10'000'000'000;
constexpr std::size_t most_frames = 128;

enum class stage : int { nothing, offered, taken, done, failed, abandoned };

// Of a thread that is no goroutine; empty when the signal came in one.
struct thread_frames {
  std::uintptr_t pcs[most_frames];
  std::size_t count = 0;
};

struct report {
  const snapshot* everything;
  const thread_frames* thread;
};

std::atomic<stage> now_at{stage::nothing};
std::atomic<std::uint64_t> progress{0};
std::atomic<const report*> waiting{nullptr};

const char* words_of(int signal) noexcept {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV: segmentation violation";
    case SIGBUS:
      return "SIGBUS: bus error";
    case SIGFPE:
      return "SIGFPE: floating-point exception";
    case SIGILL:
      return "SIGILL: illegal instruction";
    default:
      return "SIGABRT: abort";
  }
}

class stderr_sink final : public text_sink {
 public:
  // After an abandonment the crashed thread writes: nothing may come between its lines.
  void write(std::string_view text) override {
    if (now_at.load() != stage::taken) return;
    raw_text(2) << text;
    progress.fetch_add(1);
  }
};

void write_names(const report& r) {
  stderr_sink to;
  if (r.thread->count != 0) {
    frame_namer names;
    std::string text = "goroutine 0 [running, locked to thread]:\n";
    for (std::size_t i = 0; i < r.thread->count; ++i) {
      for (const named_frame& f : names.at(r.thread->pcs[i])) {
        text += f.function + "(...)\n\t" + (f.file.empty() ? "?" : f.file) + ":" +
                std::to_string(f.line) + "\n";
      }
    }
    to.write(text + "\n");
  }
  dump_all(*r.everything, to);
}

// ---- without names

// Started by the runtime itself: nothing to tell.
bool is_runtime(const char* file) noexcept {
  constexpr std::string_view here = __FILE__, tail = "diag/crash.cc";
  static_assert(here.ends_with(tail));
  for (std::size_t i = 0; i < here.size() - tail.size(); ++i) {
    char c = 0;
    if (!read_memory(file + i, &c, 1) || c != here[i]) return false;
  }
  return true;
}

// The name in what the compiler wrote of a function: "int a::f(T) [with T = int]" is a::f. What is
// in a lambda begins with the function around it.
void write_function(raw_text& to, const char* written) noexcept {
  char text[256] = {};
  for (std::size_t i = 0; i + 1 < sizeof text && written != nullptr; ++i) {
    if (!read_memory(written + i, text + i, 1) || text[i] == 0) break;
  }
  const std::string_view all = text;
  std::string_view name = all;
  int depth = 0;  // in template arguments
  for (std::size_t i = 0, begin = 0; i < all.size(); ++i) {
    if (all.substr(i).starts_with("(anonymous namespace)")) {
      i += std::string_view("(anonymous namespace)").size() - 1;
    } else if (all[i] == '<') {
      ++depth;
    } else if (all[i] == '>') {
      --depth;
    } else if (depth == 0 && all[i] == ' ') {
      begin = i + 1;
    } else if (depth == 0 && all[i] == '(') {
      name = all.substr(begin, i - begin);
      break;
    }
  }
  to << (name.empty() ? "?" : name);
  const bool lambda = all.find("<lambda(") != all.npos || all.find("(anonymous class)") != all.npos;
  if (lambda) to << "::{lambda}";
}

void write_frames(raw_text& to, const module_map& modules, const std::uintptr_t* pcs,
                  std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    modules.write(to, pcs[i] - 1);
    to << "(...)\n\t?:0\n";
  }
}

void write_goroutine(raw_text& to, const module_map& modules, const snapshot& s,
                     const goroutine_record& g) {
  const char* status = "running";
  if (g.waits()) {
    status = to_text(g.reason);
  } else if (g.state == goroutine_state::runnable) {
    status = "runnable";
  } else if (g.state == goroutine_state::blocking) {
    status = "syscall";
  }
  (to << "goroutine ").number(static_cast<std::int64_t>(g.id)) << " [" << status << "]";
  if (g.name != 0) to << " {name: \"" << s.name_of(g) << "\"}";
  to << ":\n";
  if (g.frames == 0) to << "\tgoroutine running on other thread; stack unavailable\n";
  write_frames(to, modules, s.frames.data() + g.first_frame, g.frames);
  if (const detail::site_data at = read_site(g.created);
      at.file != nullptr && !is_runtime(at.file)) {
    to << "created by ";
    write_function(to, at.function);
    if (g.parent != 0) (to << " in goroutine ").number(static_cast<std::int64_t>(g.parent));
    ((to << "\n\t").foreign(at.file) << ":").number(at.line) << "\n";
  }
}

void write_addresses(const report& r, const module_map& modules) {
  raw_text to(2);
  bool first = true;
  auto separate = [&] {
    if (!first) to << "\n";
    first = false;
  };
  if (r.thread->count != 0) {
    separate();
    to << "goroutine 0 [running, locked to thread]:\n";
    write_frames(to, modules, r.thread->pcs, r.thread->count);
  }
  for (bool mine : {true, false}) {
    for (const goroutine_record& g : r.everything->goroutines) {
      if (g.mine != mine || g.is_thread) continue;
      separate();
      write_goroutine(to, modules, *r.everything, g);
    }
  }
}

// Goroutines whose threads sleep in a call: /proc says where, and takes neither lock nor allocator.
// Those that compute are not asked, for their threads may be dying as well.
void add_sleeping(snapshot& s) noexcept {
  the_runtime().for_each_worker([&](const worker* w) {
    const goroutine* g = w->shown.load();
    if (g == nullptr) return;
    const std::uint64_t id = g->id.load();
    const std::uint32_t at = s.find(id);
    if (at == mapped_index::none || s.goroutines[at].frames != 0) return;
    std::uintptr_t pcs[most_frames];
    const std::size_t n = frames_of_sleeping_thread(w->tid, *g, pcs, most_frames);
    if (n == 0 || w->shown.load() != g || g->id.load() != id) return;
    const auto first = static_cast<std::uint32_t>(s.frames.size());
    if (!s.frames.append(pcs, n)) return;
    s.goroutines[at].first_frame = first;
    s.goroutines[at].frames = static_cast<std::uint32_t>(n);
  });
}

// True when the watching thread has written everything.
bool helped(const report& r) noexcept {
  waiting.store(&r);
  now_at.store(stage::offered);
  the_runtime().monitor_note.wake();
  std::uint64_t seen = 0;
  for (std::int64_t last = real_now(); real_now() - last < patience;) {
    const stage s = now_at.load();
    if (s == stage::done) return true;
    if (s == stage::failed) return false;
    if (const std::uint64_t p = progress.load(); p != seen) {
      seen = p;
      last = real_now();
    }
    const timespec nap{0, 2'000'000};
    ::nanosleep(&nap, nullptr);
  }
  stage s = now_at.load();
  while (s != stage::done && s != stage::failed &&
         !now_at.compare_exchange_weak(s, stage::abandoned)) {
  }
  return s == stage::done;
}

}  // namespace

void write_crash_report(const fatal_signal& what, bool help) noexcept {
  {
    raw_text to(2);
    if (!what.stack_overflow) {
      (to << words_of(what.number) << "\nPC=").hexadecimal(what.registers.pc);
      (to << " m=").number(what.worker);
      (to << " sigcode=").number(what.code);
      if (what.code > 0) (to << " addr=").hexadecimal(what.address);
      to << "\n";
    }
    to << "\n";
  }
  const module_map modules;
  snapshot everything({.running = false, .caller = &what.registers});
  add_sleeping(everything);
  // The innermost address is no return address.
  for (const goroutine_record& g : everything.goroutines) {
    if (g.mine && g.frames != 0) ++everything.frames[g.first_frame];
  }
  thread_frames thread;
  if (what.goroutine == 0) {
    thread.count = unwind(what.registers, {what.registers.sp, modules.end_of(what.registers.sp)},
                          thread.pcs, most_frames);
    if (thread.count != 0) ++thread.pcs[0];
  }
  const report r{&everything, &thread};
  if (help && helped(r)) return;
  if (help)
    raw_text(2) << "\ntaut: the names of functions cannot be had; give these to addr2line\n\n";
  write_addresses(r, modules);
}

void help_with_crash_report() noexcept {
  stage s = stage::offered;
  if (!now_at.compare_exchange_strong(s, stage::taken)) return;
  try {
    write_names(*waiting.load());
  } catch (...) {
    s = stage::taken;
    now_at.compare_exchange_strong(s, stage::failed);
    return;
  }
  s = stage::taken;
  now_at.compare_exchange_strong(s, stage::done);
}

bool crash_help_failed() noexcept {
  stage s = stage::taken;
  return now_at.compare_exchange_strong(s, stage::failed) || s == stage::abandoned;
}

}  // namespace rt
TAUT_END_NAMESPACE
