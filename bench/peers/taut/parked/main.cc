// SPDX-License-Identifier: Apache-2.0
// Measures what many waiting goroutines cost; ../../go/parked is its twin.
//
//   taut_parked park COUNT WORKERS    COUNT goroutines wait on one channel: memory and time for
//                                     each, and their guards
//   taut_parked sleep COUNT WORKERS   COUNT goroutines sleep 0 to 500 ms: CPU time for each, and
//                                     how late the last is
//   taut_parked idle COUNT WORKERS    COUNT goroutines wait for three seconds: CPU time used
//                                     meanwhile
//   taut_parked touch COUNT WORKERS   no goroutine: time to touch each of COUNT pages of new memory
//
// Prints one JSON object.
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "guards.h"
#include "taut/chan.h"
#include "taut/go.h"
#include "taut/runtime.h"
#include "taut/time.h"
#include "taut/wait_group.h"

namespace peers {
namespace {

using std::chrono::duration;
using std::chrono::steady_clock;
using namespace std::chrono_literals;
using ns = duration<double, std::nano>;

constexpr std::size_t stack_size = std::size_t{64} << 10;

double rss() {
  std::ifstream statm("/proc/self/statm");
  std::size_t size = 0;
  std::size_t resident = 0;
  statm >> size >> resident;
  return static_cast<double>(resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)));
}

std::size_t maps() {
  std::ifstream file("/proc/self/maps");
  return static_cast<std::size_t>(
      std::count(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>(), '\n'));
}

std::chrono::microseconds cpu() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return std::chrono::seconds(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         std::chrono::microseconds(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

// Goroutines that wait at a gate.
class crowd {
 public:
  // Starts n and returns when each has reached the gate. `stacks` receives an address in each one's
  // stack.
  explicit crowd(int n, std::vector<std::uintptr_t>* stacks = nullptr) {
    group_.add(n);
    for (int i = 0; i < n; ++i) {
      taut::go([this, i, stacks] {
        char here = 0;
        if (stacks != nullptr)
          (*stacks)[static_cast<std::size_t>(i)] = reinterpret_cast<std::uintptr_t>(&here);
        arrived_.fetch_add(1);
        gate_.recv();
        group_.done();
      });
    }
    while (arrived_.load() < n) taut::yield();
  }
  void leave() {
    gate_.close();
    group_.wait();
  }

 private:
  taut::chan<int> gate_{0};
  taut::wait_group group_;
  std::atomic<int> arrived_{0};
};

void park(int n) {
  std::vector<std::uintptr_t> stacks(static_cast<std::size_t>(n));  // touched before memory is read
  const double before = rss();
  auto at = steady_clock::now();
  crowd waiting(n, &stacks);
  const ns created = steady_clock::now() - at;
  const double bytes = rss() - before;
  const std::size_t regions = maps();
  const guard_count guards = count_guards(stacks, stack_size);
  at = steady_clock::now();
  waiting.leave();
  const ns woken = steady_clock::now() - at;
  std::printf(
      "{\"bytes\": %.1f, \"create_ns\": %.1f, \"wake_ns\": %.1f, \"maps\": %zu, \"guarded\": %zu, "
      "\"unguarded\": %zu, \"guards_unknown\": %s}\n",
      bytes / n, created.count() / n, woken.count() / n, regions, guards.guarded, guards.unguarded,
      guards.unknown ? "true" : "false");
}

void sleep(int n) {
  constexpr std::chrono::nanoseconds longest = 500ms;
  const auto used = cpu();
  const auto at = steady_clock::now();
  taut::wait_group group;
  group.add(n);
  std::uint32_t random = 1;
  for (int i = 0; i < n; ++i) {
    random = random * 1664525 + 1013904223;
    const std::chrono::nanoseconds pause(longest.count() * (random >> 12) >> 20);
    taut::go([&group, pause] {
      taut::sleep_for(pause);
      group.done();
    });
  }
  group.wait();
  std::printf("{\"cpu_ns\": %.1f, \"late_ms\": %.2f}\n", ns(cpu() - used).count() / n,
              duration<double, std::milli>(steady_clock::now() - at - longest).count());
}

void idle(int n) {
  crowd waiting(n);
  taut::sleep_for(200ms);
  const auto used = cpu();
  const auto at = steady_clock::now();
  taut::sleep_for(3s);
  const auto spent = cpu() - used;
  std::printf("{\"cpu_us_per_s\": %.1f}\n", static_cast<double>(spent.count()) /
                                                duration<double>(steady_clock::now() - at).count());
  waiting.leave();
}

void touch(int n) {
  constexpr std::size_t page = 4096;
  const std::size_t size = static_cast<std::size_t>(n) * page;
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  madvise(memory, size, MADV_NOHUGEPAGE);
  const auto at = steady_clock::now();
  for (std::size_t i = 0; i < size; i += page) static_cast<volatile char*>(memory)[i] = 1;
  std::printf("{\"touch_ns\": %.1f}\n", ns(steady_clock::now() - at).count() / n);
  munmap(memory, size);
}

int run(int argc, char** argv) {
  const std::string_view mode = argc == 4 ? argv[1] : "";
  const int n = argc == 4 ? std::atoi(argv[2]) : 0;
  const int workers = argc == 4 ? std::atoi(argv[3]) : 0;
  void (*work)(int) = mode == "park"    ? park
                      : mode == "sleep" ? sleep
                      : mode == "idle"  ? idle
                      : mode == "touch" ? touch
                                        : nullptr;
  if (work == nullptr || n <= 0 || workers <= 0) {
    std::fputs("usage: taut_parked park|sleep|idle|touch COUNT WORKERS\n", stderr);
    return 2;
  }
  taut::start({.workers = workers, .stack_size = stack_size});
  taut::run([=] { work(n); });
  taut::stop();
  return 0;
}

}  // namespace
}  // namespace peers

int main(int argc, char** argv) { return peers::run(argc, argv); }
