// SPDX-License-Identifier: Apache-2.0
#include "sched/cpus.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "taut/runtime.h"

namespace taut::rt {
namespace {

// A cgroup hierarchy of files.
class hierarchy {
 public:
  hierarchy() {
    std::string pattern = (std::filesystem::temp_directory_path() / "taut-cgroup-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  ~hierarchy() { std::filesystem::remove_all(root_); }
  void write(const std::string& group, const std::string& text) const {
    std::filesystem::create_directories(root_ + group);
    std::ofstream(root_ + group + "/cpu.max") << text;
  }
  int cpus(const std::string& group) const { return cpus_of_cgroup(root_, group); }

 private:
  std::string root_;
};

TEST(cpus, no_file_is_no_limit) {
  hierarchy h;
  EXPECT_EQ(h.cpus(""), 0);
  EXPECT_EQ(h.cpus("/a/b"), 0);
}

TEST(cpus, a_quota_is_rounded_up) {
  hierarchy h;
  h.write("/a", "250000 100000\n");
  EXPECT_EQ(h.cpus("/a"), 3);
  h.write("/a", "200000 100000\n");
  EXPECT_EQ(h.cpus("/a"), 2);
  h.write("/a", "1000 100000\n");
  EXPECT_EQ(h.cpus("/a"), 1);
}

TEST(cpus, max_is_no_limit) {
  hierarchy h;
  h.write("/a", "max 100000\n");
  EXPECT_EQ(h.cpus("/a"), 0);
}

TEST(cpus, the_smallest_of_all_levels_counts) {
  hierarchy h;
  h.write("", "1600000 100000\n");
  h.write("/a", "300000 100000\n");
  h.write("/a/b", "800000 100000\n");
  h.write("/a/b/c", "max 100000\n");
  EXPECT_EQ(h.cpus("/a/b/c"), 3);
  EXPECT_EQ(h.cpus("/a/b"), 3);
  EXPECT_EQ(h.cpus("/a"), 3);
  EXPECT_EQ(h.cpus(""), 16);
  EXPECT_EQ(h.cpus("/"), 16);
  EXPECT_EQ(h.cpus("/other"), 16);
}

TEST(cpus, nonsense_is_no_limit) {
  hierarchy h;
  for (const char* text :
       {"", "\n", "100000", "-5 100000\n", "x y\n", "100000 0\n", "0 100000\n"}) {
    h.write("/a", text);
    EXPECT_EQ(h.cpus("/a"), 0) << text;
  }
}

TEST(cpus, never_more_than_the_affinity_mask_allows) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_GE(usable_cpus(), 1);
  EXPECT_LE(usable_cpus(), CPU_COUNT(&before));
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(usable_cpus(), 1);
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

}  // namespace
}  // namespace taut::rt
