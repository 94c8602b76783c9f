// SPDX-License-Identifier: Apache-2.0
// What every kind of dump is read into.
#include "cli/model.h"

#include <algorithm>
#include <array>

#include "cli/error.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

// First elements of the import paths of Go's standard library; a module with such a name is not to
// be had, for the toolchain reserves them.
constexpr std::array<std::string_view, 43> standard_packages{
    "archive", "bufio",    "builtin", "bytes",   "cmp",      "compress", "container", "context",
    "crypto",  "database", "debug",   "embed",   "encoding", "errors",   "expvar",    "flag",
    "fmt",     "go",       "hash",    "html",    "image",    "index",    "internal",  "io",
    "iter",    "log",      "maps",    "math",    "mime",     "net",      "os",        "path",
    "plugin",  "reflect",  "regexp",  "runtime", "slices",   "sort",     "strconv",   "strings",
    "sync",    "syscall",  "testing"};
constexpr std::array<std::string_view, 7> more_packages{"text",   "time", "unicode", "unique",
                                                        "unsafe", "weak", "vendor"};

bool listed(std::string_view name) {
  return std::find(standard_packages.begin(), standard_packages.end(), name) !=
             standard_packages.end() ||
         std::find(more_packages.begin(), more_packages.end(), name) != more_packages.end();
}

constexpr std::size_t most_held = std::size_t{2} << 30;

bool begins(std::string_view text, std::string_view with) { return text.starts_with(with); }

// Ours: what stands between the program's call and the wait. What is inlined from our headers may
// be called by its last name only, so their folder tells as well.
bool is_taut(const frame& f) {
  return begins(f.function, "taut::") || f.file.find("include/taut/") != f.file.npos;
}

bool is_runtime(const frame& f) {
  const std::string_view name = f.function;
  return begins(name, "runtime.") || begins(name, "internal/") || begins(name, "sync.") ||
         begins(name, "syscall.") || name == "panic" || is_taut(f);
}

// The folder with taut's sources, from a function whose name tells that it is one of them. A
// function of ours may be shown without its namespace.
std::string_view taut_folder(const stack& s) {
  for (const frame& f : s.frames) {
    if (!begins(f.function, "taut::rt::")) continue;
    const std::size_t at = std::string_view(f.file).rfind("/src/");
    if (at != std::string::npos) return std::string_view(f.file).substr(0, at + 5);
  }
  return {};
}

bool within(const frame& f, std::string_view folder) {
  return !folder.empty() && begins(f.file, folder);
}

struct hint {
  std::string_view prefix;  // of a function's name
  std::string_view state;
};
// Innermost match wins, so callers may stand before what they call.
constexpr hint hints[] = {
    {"runtime.chanrecv", "chan receive"},
    {"runtime.chansend", "chan send"},
    {"runtime.selectgo", "select"},
    {"runtime.selectnb", "select"},
    {"runtime.block", "select (no cases)"},
    {"time.Sleep", "sleep"},
    {"runtime.timeSleep", "sleep"},
    {"internal/poll.runtime_pollWait", "IO wait"},
    {"runtime.netpollblock", "IO wait"},
    {"sync.runtime_notifyListWait", "sync.Cond.Wait"},
    {"sync.(*Cond).Wait", "sync.Cond.Wait"},
    {"sync.runtime_SemacquireWaitGroup", "sync.WaitGroup.Wait"},
    {"sync.(*WaitGroup).Wait", "sync.WaitGroup.Wait"},
    {"sync.runtime_SemacquireRWMutexR", "sync.RWMutex.RLock"},
    {"sync.(*RWMutex).RLock", "sync.RWMutex.RLock"},
    {"sync.runtime_SemacquireRWMutex", "sync.RWMutex.Lock"},
    {"sync.(*RWMutex).Lock", "sync.RWMutex.Lock"},
    {"sync.runtime_SemacquireMutex", "sync.Mutex.Lock"},
    {"internal/sync.runtime_SemacquireMutex", "sync.Mutex.Lock"},
    {"internal/sync.(*Mutex)", "sync.Mutex.Lock"},
    {"sync.(*Mutex).", "sync.Mutex.Lock"},
    {"taut::detail::chan_recv", "chan receive"},
    {"taut::detail::chan_send", "chan send"},
    {"taut::detail::(anonymous namespace)::recv_generally", "chan receive (nil chan)"},
    {"taut::detail::(anonymous namespace)::send_generally", "chan send (nil chan)"},
    {"taut::detail::select", "select"},
    {"taut::select", "select"},
    {"taut::mutex::lock", "sync.Mutex.Lock"},
    {"taut::once::begin", "sync.Mutex.Lock"},
    {"taut::shared_mutex::lock_shared", "sync.RWMutex.RLock"},
    {"taut::shared_mutex::lock", "sync.RWMutex.Lock"},
    {"taut::wait_group::wait", "sync.WaitGroup.Wait"},
    {"taut::condition::wait", "sync.Cond.Wait"},
    {"taut::semaphore::acquire", "semacquire"},
    {"taut::context::wait", "chan receive"},
    {"taut::scope::enter", "semacquire"},
    {"taut::scope::state::join", "sync.WaitGroup.Wait"},
    {"taut::scope::wait", "sync.WaitGroup.Wait"},
    {"taut::scope::~scope", "sync.WaitGroup.Wait"},
    {"taut::rt::wait_ready", "IO wait"},
    {"taut::wait_fd", "IO wait"},
    {"taut::stream::", "IO wait"},
    {"taut::conn::", "IO wait"},
    {"taut::listener::accept", "IO wait"},
    {"taut::dial", "IO wait"},
    {"taut::sleep", "sleep"},
    {"taut::debug::stack_unavailable::running", "running"},
    {"taut::debug::stack_unavailable::blocking", "syscall"},
    {"syscall.Syscall", "syscall"},
    {"runtime.notetsleepg", "syscall"},
    {"runtime.cgocall", "syscall"},
    {"runtime.goroutineProfileWithLabels", "running"},
    {"runtime/pprof.runtime_goroutineProfileWithLabels", "running"},
    {"runtime/pprof.writeRuntimeProfile", "running"},
};

}  // namespace

const char* to_text(dump_format format) {
  switch (format) {
    case dump_format::text:
      return "text";
    case dump_format::profile_text:
      return "profile text";
    case dump_format::profile:
      return "profile";
    case dump_format::json:
      return "json";
  }
  return "?";
}

std::uint64_t dump::total() const {
  std::uint64_t n = 0;
  for (const goroutine& g : goroutines) n += g.count;
  return n;
}

std::uint32_t dump::intern(stack&& s) {
  std::string key;
  const auto add = [&](const frame& f) {
    key += f.function;
    key += '\0';
    key += f.file;
    key += ':';
    key += std::to_string(f.line);
    key += '\n';
  };
  for (const frame& f : s.frames) add(f);
  add(s.created);
  key += std::to_string(s.elided) + (s.unavailable ? "u" : "");
  const std::size_t size = key.size();
  const auto [at, fresh] =
      index_.try_emplace(std::move(key), static_cast<std::uint32_t>(stacks.size()));
  if (fresh) {
    stacks.push_back(std::move(s));
    held_ += size * 2;
    if (held_ > most_held)
      throw user_error(source + " holds more different stacks than fit in " +
                       std::to_string(most_held >> 30) +
                       " GiB; take a dump of fewer goroutines or ask for debug=1.");
  }
  return at->second;
}

const std::string& dump::object_of(const goroutine& g) const {
  static const std::string none;
  return g.object != 0 && g.object <= objects.size() ? objects[g.object - 1] : none;
}

std::string dump::wait_text(std::int64_t nanoseconds) const {
  if (nanoseconds < 0) return {};
  return (waits_at_least ? ">" : "") + duration_text(nanoseconds);
}

bool is_library(const frame& f) {
  std::string_view name = f.function;
  if (name.empty()) return false;
  if (is_taut(f) || name == "panic") return true;
  // What the compiler wraps around a go statement's call.
  if (name.find(".gowrap") != name.npos) return true;
  // In a C++ name the first dot, if any, is no package's end.
  if (name.find("::") != name.npos) return begins(name, "std::") || begins(name, "__gnu_cxx::");
  name = name.substr(0, name.find_first_of("/."));
  return listed(name) && f.function.find('.') != f.function.npos;
}

const frame* blocked_at(const stack& s) {
  const std::string_view ours = taut_folder(s);
  for (const frame& f : s.frames) {
    const bool known = !f.function.empty() || !f.file.empty();
    if (known && !is_library(f) && !within(f, ours)) return &f;
  }
  for (const frame& f : s.frames) {
    if (!f.function.empty() && !is_runtime(f) && !within(f, ours)) return &f;
  }
  return s.frames.empty() ? nullptr : &s.frames.front();
}

std::string place_text(const frame& f) {
  if (f.file.empty()) return f.function.empty() ? "unknown" : f.function;
  return f.line == 0 ? f.file : f.file + ":" + std::to_string(f.line);
}

std::string short_place_text(const frame& f) {
  frame brief{f.function, f.file, f.line};
  if (const std::size_t file = f.file.rfind('/'); file != f.file.npos && file != 0) {
    const std::size_t folder = f.file.rfind('/', file - 1);
    if (folder != f.file.npos) brief.file = f.file.substr(folder + 1);
  }
  return place_text(brief);
}

std::string state_of(const stack& s) {
  // Waits are entered by some runtime frames; deeper ones would be somebody else's callers.
  const std::size_t depth = std::min<std::size_t>(s.frames.size(), 20);
  const std::string_view ours = taut_folder(s);
  for (std::size_t i = 0; i < depth; ++i) {
    for (const hint& h : hints) {
      if (begins(s.frames[i].function, h.prefix)) return std::string(h.state);
    }
    if (!is_library(s.frames[i]) && !within(s.frames[i], ours)) break;
  }
  return {};
}

bool waits_for_ever(std::string_view state) {
  return begins(state, "chan receive (nil chan)") || begins(state, "chan send (nil chan)") ||
         begins(state, "select (no cases)");
}

bool waits_for_goroutine(std::string_view state) {
  return begins(state, "chan ") || begins(state, "select") || begins(state, "sync.") ||
         begins(state, "semacquire");
}

}  // namespace taut::cli
