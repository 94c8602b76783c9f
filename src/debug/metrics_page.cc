// SPDX-License-Identifier: Apache-2.0
// /metrics: what the runtime does, in Prometheus' text format. Names are Go's where Go's client has
// one for the same thing, else taut_*. Reads counters and the descriptors of goroutines; stops
// nobody, takes no lock, and costs about 10 ns per goroutine.
//
// Memory order
//   MO-1  relaxed: counters with one writer each, and facts about goroutines. A sum is a snapshot.
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/clock.h"
#include "debug/exchange.h"
#include "sched/poller.h"
#include "sched/registry.h"
#include "sched/runtime_state.h"
#include "taut/runtime.h"
#include "taut/version.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::size_t reasons = static_cast<std::size_t>(wait_reason::count);

class exposition {
 public:
  explicit exposition(std::string& to) : to_(to) {}

  // Begins a family; its samples follow.
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    to_.append("# HELP ").append(name).append(" ").append(help).append("\n");
    to_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
  }
  // `labels` with braces, or nothing; `part` of a family whose samples have names of their own.
  template <class N>
  void sample(N value, std::string_view labels = {}, std::string_view part = {}) {
    char digits[40];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    to_.append(name_).append(part).append(labels).append(" ").append(digits, end).append("\n");
  }
  template <class N>
  void single(std::string_view name, std::string_view type, std::string_view help, N value) {
    family(name, type, help);
    sample(value);
  }

 private:
  std::string& to_;
  std::string_view name_;
};

std::string labelled(std::string_view key, std::string_view value) {
  return std::string("{").append(key).append("=\"").append(value).append("\"}");
}
std::string labelled(std::string_view key, std::string_view value, std::string_view key2,
                     std::string_view value2) {
  std::string all = labelled(key, value);
  all.back() = ',';
  return all.append(labelled(key2, value2), 1);
}

// A plain word, which its goroutine changes.
bool is_pinned(const goroutine& g) noexcept {
  return g.pinned || __atomic_load_n(&g.pins, __ATOMIC_RELAXED) > 0;  // MO-1
}

// How many goroutines do what. Each is read while it may change: a goroutine between two states is
// counted in one of them.
struct census {
  std::uint64_t running = 0, runnable = 0, waiting = 0, blocking = 0, threads_waiting = 0;
  std::uint64_t pinned = 0;
  std::array<std::uint64_t, stack_classes> stacks{};  // that a goroutine has
  struct wait {
    std::uint64_t count = 0;
    std::int64_t longest = 0;  // nanoseconds
  };
  std::map<std::string_view, wait> waits;  // by Go's text, which may stand for several of ours

  census() {
    const std::int64_t t = now();
    std::array<wait*, reasons> by_reason{};
    for (std::size_t i = 1; i < reasons; ++i) {
      by_reason[i] = &waits[to_text(static_cast<wait_reason>(i))];
    }
    the_registry().for_each([&](const goroutine& g) {
      const goroutine_state state = g.seen_state();
      if (state != goroutine_state::idle && !g.is_thread) ++stacks[g.stack_class];
      if (g.system) return;
      if (state != goroutine_state::idle && is_pinned(g)) ++pinned;
      const auto why = static_cast<std::size_t>(g.reason());
      switch (state) {
        case goroutine_state::running:
          running += !g.is_thread;
          return;
        case goroutine_state::runnable:
          runnable += !g.is_thread;
          return;
        case goroutine_state::blocking:
          blocking += !g.is_thread;
          return;
        case goroutine_state::waiting:
          break;
        default:
          return;
      }
      if (g.is_thread) {
        ++threads_waiting;
        return;
      }
      ++waiting;
      if (why == 0 || why >= reasons) return;
      wait& w = *by_reason[why];
      ++w.count;
      w.longest = std::max(w.longest, t - g.wait_since());
    });
  }
};

void write_goroutines(exposition& out, const census& c) {
  out.single("go_goroutines", "gauge", "Number of goroutines that currently exist.",
             num_goroutine());
  out.single("go_sched_goroutines_running_goroutines", "gauge", "Goroutines that run.", c.running);
  out.single("go_sched_goroutines_runnable_goroutines", "gauge",
             "Goroutines that are ready to run and wait for a worker.", c.runnable);
  out.single("go_sched_goroutines_waiting_goroutines", "gauge",
             "Goroutines that wait for something.", c.waiting);
  out.single("go_sched_goroutines_not_in_go_goroutines", "gauge", "Goroutines inside blocking().",
             c.blocking);
  out.single("taut_goroutines_pinned", "gauge", "Goroutines that may not change their worker.",
             c.pinned);
  out.family("taut_goroutines_waiting", "gauge", "Waiting goroutines by what they wait for.");
  for (const auto& [reason, w] : c.waits) out.sample(w.count, labelled("reason", reason));
  out.family("taut_goroutines_longest_wait_seconds", "gauge",
             "How long the goroutine that has waited longest has waited, by what it waits for.");
  for (const auto& [reason, w] : c.waits) {
    out.sample(static_cast<double>(w.longest) * 1e-9, labelled("reason", reason));
  }
  out.single("taut_threads_waiting", "gauge",
             "Threads of the program, not the runtime's, that wait in one of taut's operations.",
             c.threads_waiting);
}

constexpr const char* to_text(worker_state s) noexcept {
  switch (s) {
    case worker_state::unborn:
      return "unborn";
    case worker_state::running:
      return "running";
    case worker_state::spinning:
      return "spinning";
    case worker_state::idle:
      return "idle";
    case worker_state::sentry:
      return "sentry";
    case worker_state::spare:
      return "spare";
    case worker_state::ended:
      return "ended";
  }
  return "?";
}

// A stack belongs to a goroutine, or is kept for the next one, or was nobody's yet and costs
// nothing.
void write_stacks(exposition& out, const census& c) {
  std::array<std::uint64_t, stack_classes> used{}, mapped{}, bytes{};
  the_registry().for_each_slab([&](const goroutine_slab& s) {
    if (s.stacks.base == nullptr) return;
    const auto i = static_cast<std::size_t>(stack_class_for(s.stacks.stack_size));
    used[i] += s.used.load();
    mapped[i] += s.count;
    bytes[i] += s.count * s.stacks.stride();
  });
  auto size_of = [](std::size_t i) { return std::to_string(least_stack << i); };
  out.family(
      "taut_stacks", "gauge",
      "Stacks of goroutines by size in bytes: in use, free for the next goroutine, or mapped "
      "and never used.");
  for (std::size_t i = 0; i < mapped.size(); ++i) {
    if (mapped[i] == 0) continue;
    // The goroutines were counted at another moment.
    const std::uint64_t in_use = std::min(c.stacks[i], used[i]);
    const std::pair<const char*, std::uint64_t> states[] = {
        {"in_use", in_use}, {"free", used[i] - in_use}, {"unused", mapped[i] - used[i]}};
    for (const auto& [state, count] : states)
      out.sample(count, labelled("size", size_of(i), "state", state));
  }
  out.family("taut_stacks_mapped_bytes", "gauge",
             "Address space of all stacks and their guards by size in bytes; only what is touched "
             "takes memory.");
  for (std::size_t i = 0; i < mapped.size(); ++i) {
    if (mapped[i] > 0) out.sample(bytes[i], labelled("size", size_of(i)));
  }
}

void write_workers(exposition& out) {
  const runtime_state& r = the_runtime();
  std::array<std::uint64_t, 7> states{};
  std::uint64_t created = r.foreign_created.load(), migrations = 0, pinned = 0, steals = 0,
                parks = 0;
  std::uint64_t threads = 0, timers = r.shared_timers.size();
  r.for_each_worker([&](worker* w) {
    const worker_state s = w->state.load();
    ++states[static_cast<std::size_t>(s)];
    threads += s != worker_state::unborn && s != worker_state::ended;
    created += w->created.load(std::memory_order_relaxed);        // MO-1
    migrations += w->migrations.load(std::memory_order_relaxed);  // MO-1
    pinned += w->pinned_back.load(std::memory_order_relaxed);     // MO-1
    steals += w->steals.load(std::memory_order_relaxed);          // MO-1
    parks += w->parks.load(std::memory_order_relaxed);            // MO-1
    timers += w->timers.size();
  });
  out.single("go_sched_goroutines_created_goroutines_total", "counter", "Goroutines started.",
             created);
  out.single("go_sched_gomaxprocs_threads", "gauge", "Workers that may run goroutines at once.",
             workers());
  // One more watches the workers.
  out.single("go_sched_threads_total_threads", "gauge", "Threads of the runtime that are alive.",
             threads + (r.running.load() ? 1 : 0));
  out.single("go_threads", "gauge", "Threads of the runtime that run goroutines.", threads);
  out.family("taut_workers", "gauge", "The runtime's threads by what they do.");
  for (const worker_state s : {worker_state::running, worker_state::spinning, worker_state::idle,
                               worker_state::sentry, worker_state::spare}) {
    out.sample(states[static_cast<std::size_t>(s)], labelled("state", to_text(s)));
  }
  out.single("taut_steals_total", "counter", "Times a worker took goroutines from another's queue.",
             steals);
  out.single("taut_migrations_total", "counter", "Started goroutines that changed their worker.",
             migrations);
  out.single("taut_pinned_back_total", "counter",
             "Started goroutines that could not change their worker, because their stack points "
             "into its thread-local memory or they are pinned.",
             pinned);
  out.single("taut_worker_sleeps_total", "counter", "Times a worker without work went to sleep.",
             parks);
  out.family("taut_stalls_total", "counter",
             "Goroutines that kept their worker for too long: blocked in a call that taut does not "
             "know, or hogging it.");
  out.sample(r.stalls_blocked.load(), labelled("kind", "blocked"));
  out.sample(r.stalls_hogged.load(), labelled("kind", "hogged"));
  out.single("taut_timers", "gauge", "Timers that are set.", timers);
  const poller* p = the_poller.load();
  out.single("taut_descriptor_waits", "gauge", "Waits for a descriptor's events.",
             p == nullptr ? 0 : p->waiting());
}

// The sum of all workers' histograms.
void write_latencies(exposition& out) {
  using h = latency_histogram;
  std::array<std::uint64_t, h::buckets> counts{};
  std::uint64_t sum = 0;
  the_runtime().for_each_worker([&](worker* w) {
    for (std::size_t i = 0; i < counts.size(); ++i)
      counts[i] += w->latencies.counts[i].load(std::memory_order_relaxed);  // MO-1
    sum += w->latencies.sum.load(std::memory_order_relaxed);                // MO-1
  });
  out.family("go_sched_latencies_seconds", "histogram",
             "How long goroutines were ready to run before they ran; one in 64 counts.");
  std::uint64_t so_far = 0;
  for (int i = 0; i < h::buckets; ++i) {
    so_far += counts[static_cast<std::size_t>(i)];
    char bound[40] = "+Inf";
    if (i + 1 < h::buckets) {
      const double seconds = static_cast<double>(h::bound_of(i)) / 1e9;
      *std::to_chars(bound, bound + sizeof bound - 1, seconds).ptr = 0;
    }
    out.sample(so_far, labelled("le", bound), "_bucket");
  }
  out.sample(static_cast<double>(sum) / 1e9, {}, "_sum");
  out.sample(so_far, {}, "_count");
}

double seconds_of(const timeval& t) noexcept {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
}

// Since the epoch. The kernel says it in ticks after its own start.
double start_time() {
  std::ifstream stat("/proc/self/stat");
  std::string text;
  std::getline(stat, text);
  const std::size_t name_end = text.rfind(')');
  if (name_end == text.npos) return 0;
  const char* at = text.c_str() + name_end + 1;
  for (int field = 3; field < 22 && at != nullptr; ++field) at = std::strchr(at + 1, ' ');
  if (at == nullptr) return 0;
  timespec wall = {}, boot = {};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  const auto in_seconds = [](const timespec& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
  };
  const double ticks = std::strtod(at, nullptr) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return in_seconds(wall) - in_seconds(boot) + ticks;
}

void write_process(exposition& out) {
  rusage used = {};
  ::getrusage(RUSAGE_SELF, &used);
  out.single("process_cpu_seconds_total", "counter", "User and system CPU time spent, in seconds.",
             seconds_of(used.ru_utime) + seconds_of(used.ru_stime));
  std::error_code ignored;
  std::uint64_t open = 0;
  for (std::filesystem::directory_iterator i("/proc/self/fd", ignored), end; i != end;
       i.increment(ignored)) {
    ++open;
  }
  out.single("process_open_fds", "gauge", "Open file descriptors.", open);
  rlimit most = {};
  ::getrlimit(RLIMIT_NOFILE, &most);
  out.single("process_max_fds", "gauge", "File descriptors that may be open.",
             static_cast<std::uint64_t>(most.rlim_cur));
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  statm >> total >> resident;
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  out.single("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.",
             total * page);
  out.single("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
             resident * page);
  out.single("process_start_time_seconds", "gauge",
             "Start time of the process since the epoch, in seconds.", start_time());
}

void metrics_page(exchange& x) {
  x.content_type = "text/plain; version=0.0.4; charset=utf-8";
  x.set_header("Cache-Control", "no-store");
  exposition out(x.reply);
  out.family("taut_info", "gauge", "The version of taut in this process.");
  out.sample(1, labelled("version", std::to_string(TAUT_VERSION_MAJOR) + "." +
                                        std::to_string(TAUT_VERSION_MINOR) + "." +
                                        std::to_string(TAUT_VERSION_PATCH)));
  const census c;
  write_goroutines(out, c);
  write_stacks(out, c);
  write_workers(out);
  write_latencies(out);
  write_process(out);
}

}  // namespace

const endpoint metrics_endpoint = {
    .path = "/metrics", .post = false, .handle = metrics_page, .description = nullptr};

}  // namespace rt
TAUT_END_NAMESPACE
