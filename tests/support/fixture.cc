// SPDX-License-Identifier: Apache-2.0
#include "support/fixture.h"

#include <cstdlib>
#include <vector>

#include "sched/registry.h"

namespace taut::test {
namespace {

struct configuration {
  int workers;
  bool migrate;
  bool perturb;
};
constexpr configuration configurations[] = {
    {1, false, false}, {1, false, true},  {2, false, false}, {2, true, false},
    {2, false, true},  {4, false, false}, {4, true, false},  {4, true, true},
};

std::uint64_t seed() {
  const char* text = std::getenv("TAUT_TEST_SEED");
  const std::uint64_t n = text == nullptr ? 0 : std::strtoull(text, nullptr, 10);
  return n == 0 ? 1 : n;
}

std::string describe(const configuration& c) {
  return std::to_string(c.workers) + (c.migrate ? "-migrate" : "") + (c.perturb ? "-perturb" : "");
}

options running;
std::size_t expected_left = 0;

// True when the number of goroutines came down to what the body leaves behind.
bool settled() {
  for (int i = 0; i < rounds; ++i) {
    if (num_goroutine() <= expected_left) return true;
    yield();
  }
  return false;
}

void run_one(void (*body)(), body_on where, const configuration& c) {
  running = options{
      .workers = c.workers, .force_migrate = c.migrate, .perturb_seed = c.perturb ? seed() : 0};
#if defined(__SANITIZE_ADDRESS__)
  running.stack_size *= 4;  // for its frames: of a regular expression, of a JSON parser
#endif
  expected_left = 0;
  start(running);
  struct stopper {
    ~stopper() { stop(); }
  } at_end;
  if (where == body_on::goroutine) {
    run(body);
  } else {
    body();
  }
  if (!testing::Test::HasFailure()) {
    EXPECT_TRUE(settled()) << num_goroutine() << " goroutines are left, " << expected_left
                           << " expected";
  }
}

}  // namespace

const options& current_options() { return running; }

void leave_behind(std::size_t n) { expected_left = n; }

std::size_t waiting(rt::wait_reason reason) {
  std::size_t n = 0;
  rt::the_registry().for_each([&](const rt::goroutine& g) {
    // The main thread waits in run(), which is no wait of the test's.
    const detail::site at = g.wait_site.load();
    if (g.is_thread && at && std::string_view(at->file).ends_with("sched/runtime.cc")) return;
    if (g.seen_state() == rt::goroutine_state::waiting && g.reason() == reason) ++n;
  });
  return n;
}

void run_everywhere(void (*body)(), body_on where) {
  const char* only = std::getenv("TAUT_TEST_CONFIG");
  for (const configuration& c : configurations) {
    const std::string name = describe(c);
    if (only != nullptr && name != only) continue;
    std::string thrown;
    try {
      run_one(body, where, c);
    } catch (const std::exception& e) {
      thrown = e.what();
      ADD_FAILURE() << "the body threw: " << thrown;
    }
    if (testing::Test::HasFailure()) {
      ADD_FAILURE() << "configuration " << name << "; replay with TAUT_TEST_CONFIG=" << name
                    << " TAUT_TEST_SEED=" << seed();
      return;
    }
    if (testing::Test::IsSkipped()) return;
  }
}

}  // namespace taut::test
