// SPDX-License-Identifier: Apache-2.0
// How many CPUs this process may use: the affinity mask, bounded by the cgroup v2 quota of every
// level above it.
#include "sched/cpus.h"

#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "taut/runtime.h"

TAUT_BEGIN_NAMESPACE
namespace {

// "max 100000" or "250000 100000". Returns CPUs, rounded up; 0: no limit or no file.
int quota_of(const std::string& directory) {
  std::FILE* f = std::fopen((directory + "/cpu.max").c_str(), "re");
  if (f == nullptr) return 0;
  char quota[32] = {};
  long period = 0;
  const int n = std::fscanf(f, "%31s %ld", quota, &period);
  std::fclose(f);
  if (n != 2 || period <= 0 || std::strcmp(quota, "max") == 0) return 0;
  const long q = std::strtol(quota, nullptr, 10);
  return q <= 0 ? 0 : static_cast<int>((q + period - 1) / period);
}

// The process's own group, from the "0::/path" line.
std::string own_group() {
  std::FILE* f = std::fopen("/proc/self/cgroup", "re");
  if (f == nullptr) return {};
  std::string path;
  char line[4096];
  while (std::fgets(line, sizeof line, f) != nullptr) {
    if (std::strncmp(line, "0::", 3) != 0) continue;
    path = line + 3;
    while (!path.empty() && path.back() == '\n') path.pop_back();
  }
  std::fclose(f);
  return path;
}

}  // namespace

int rt::cpus_of_cgroup(const std::string& root, std::string group) {
  int quota = 0;
  for (;;) {
    const int here = quota_of(root + group);
    if (here > 0) quota = quota == 0 ? here : std::min(quota, here);
    const std::size_t slash = group.rfind('/');
    if (group.empty() || slash == std::string::npos) return quota;
    group.resize(slash);
  }
}

int usable_cpus() noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cpus = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  cpus = std::max(cpus, 1);
  const int quota = rt::cpus_of_cgroup("/sys/fs/cgroup", own_group());
  // As Go: never below two by quota alone, or one blocked goroutine's worth of time stops all.
  if (quota > 0) cpus = std::min(cpus, std::max(quota, 2));
  return cpus;
}

TAUT_END_NAMESPACE
