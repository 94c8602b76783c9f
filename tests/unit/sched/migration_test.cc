// SPDX-License-Identifier: Apache-2.0
// What travels with a goroutine from thread to thread, and what keeps it where it is.
#include <cerrno>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "sched/runtime_state.h"
#include "support/fixture.h"
#include "taut/chan.h"
#include "taut/condition.h"
#include "taut/mutex.h"
#include "taut/wait_group.h"

namespace taut::test {
namespace {

constexpr int crowd = 200;

std::uint64_t counted(std::atomic<std::uint64_t> rt::worker::* counter) {
  std::uint64_t n = 0;
  rt::the_runtime().for_each_worker([&](rt::worker* w) { n += (w->*counter).load(); });
  return n;
}

// Every wake-up and yield moves.
void on_four_workers(void (*body)()) {
  start({.workers = 4, .force_migrate = true});
  run(body);
  stop();
}

// Out of line, so that no address of errno is kept across the switch. Goroutines of one thread
// share the word one after the other, which the race detector cannot know.
[[gnu::noinline]] TAUT_NO_SANITIZE void set_errno(int n) {
  errno = n;
  asm volatile("" ::: "memory");
}
[[gnu::noinline]] TAUT_NO_SANITIZE int get_errno() {
  asm volatile("" ::: "memory");
  return errno;
}

TEST(migration, errno_travels) {
  on_four_workers([] {
    std::atomic<int> moved{0}, wrong{0};
    wait_group done;
    for (int i = 1; i <= crowd; ++i) {
      done.go([&, i] {
        for (int k = 0; k < 20; ++k) {
          set_errno(i * 100 + k);
          const int before = this_goroutine::worker();
          yield();
          wrong += get_errno() != i * 100 + k;
          moved += this_goroutine::worker() != before;
        }
      });
    }
    done.wait();
    EXPECT_EQ(wrong, 0);
    EXPECT_GT(moved, crowd);
  });
}

std::atomic<int> moved_while_caught{0}, moved_while_unwinding{0};

struct mover {
  int expected;
  std::atomic<int>* moved = nullptr;
  ~mover() {
    const int before = this_goroutine::worker();
    EXPECT_EQ(std::uncaught_exceptions(), expected);
    yield();
    EXPECT_EQ(std::uncaught_exceptions(), expected);
    if (moved != nullptr) *moved += this_goroutine::worker() != before;
  }
};

void throw_and_catch(int mine) {
  const std::string text = std::to_string(mine);
  std::exception_ptr kept;
  try {
    mover in_flight{1, &moved_while_unwinding};
    mover again{1};
    throw std::runtime_error(text);
  } catch (const std::exception& e) {
    const int before = this_goroutine::worker();
    yield();
    moved_while_caught += this_goroutine::worker() != before;
    EXPECT_EQ(e.what(), text);
    kept = std::current_exception();
    try {
      std::throw_with_nested(std::logic_error("outer " + text));
    } catch (const std::logic_error& outer) {
      yield();
      EXPECT_EQ(outer.what(), "outer " + text);
      try {
        std::rethrow_if_nested(outer);
        ADD_FAILURE() << "nothing was nested";
      } catch (const std::exception& inner) {
        yield();
        EXPECT_EQ(inner.what(), text);
      }
    }
    // The handler's own exception is back.
    try {
      yield();
      throw;
    } catch (const std::exception& same) {
      yield();
      EXPECT_EQ(&same, &e);
    }
  }
  EXPECT_EQ(std::current_exception(), nullptr);
  yield();
  try {
    std::rethrow_exception(kept);
  } catch (const std::runtime_error& e) {
    yield();
    EXPECT_EQ(e.what(), text);
  }
  EXPECT_EQ(std::uncaught_exceptions(), 0);
}

TEST(migration, exceptions_travel) {
  moved_while_caught = moved_while_unwinding = 0;
  on_four_workers([] {
    wait_group done;
    for (int i = 1; i <= crowd; ++i) {
      done.go([i] {
        for (int k = 0; k < 4; ++k) throw_and_catch(i * 10 + k);
      });
    }
    done.wait();
  });
#if !defined(TAUT_ASAN)  // whose frames keep pointers to thread-local memory: then nothing moves
  EXPECT_GT(moved_while_caught, 0);
  EXPECT_GT(moved_while_unwinding, 0);
#endif
}

TEST(migration, a_pin_keeps_and_its_end_lets_go) {
  on_four_workers([] {
    wait_group done;
    for (int i = 0; i < 20; ++i) {
      done.go([] {
        chan<int> c(0);
        {
          pin outer;
          const int mine = this_goroutine::worker();
          for (int k = 0; k < 20; ++k) {
            pin inner;
            // A wake-up by another worker's goroutine, which is not a yield.
            go([=] { c.send(k); });
            EXPECT_EQ(c.recv(), k);
            EXPECT_EQ(this_goroutine::worker(), mine);
          }
          yield();
          EXPECT_EQ(this_goroutine::worker(), mine);
        }
        const int mine = this_goroutine::worker();
        until([&] {
          yield();
          return this_goroutine::worker() != mine;
        });
      });
    }
    done.wait();
  });
}

TEST(migration, the_option_pins_what_has_started) {
  start({.workers = 4, .pinned = true});
  run([] {
    wait_group done;
    chan<int> c(0);
    std::atomic<int> moved{0};
    for (int i = 0; i < 40; ++i) {
      done.go([&, c, i] {
        const int mine = this_goroutine::worker();
        for (int k = 0; k < 50; ++k) {
          i % 2 == 0 ? c.send(k) : static_cast<void>(c.recv());
          moved += this_goroutine::worker() != mine;
        }
      });
    }
    done.wait();
    EXPECT_EQ(moved, 0);
  });
  stop();
}

thread_local int of_thread = 0;

// Told where it lies by a call that the compiler does not see through.
[[gnu::noinline]] int* address_of_thread_local() {
  int* p = &of_thread;
  asm volatile("" : "+r"(p)::"memory");
  return p;
}

TEST(migration, a_goroutine_that_keeps_a_thread_locals_address_goes_home) {
  on_four_workers([] {
    const std::uint64_t before = counted(&rt::worker::pinned_back);
    std::atomic<int> moved{0}, wrong{0};
    wait_group done;
    for (int i = 0; i < 20; ++i) {
      done.go([&] {
        int* volatile kept = address_of_thread_local();
        const int mine = this_goroutine::worker();
        for (int k = 0; k < 30; ++k) {
          yield();
          moved += this_goroutine::worker() != mine;
          wrong += kept != address_of_thread_local();
        }
      });
    }
    done.wait();
    EXPECT_EQ(moved, 0);
    EXPECT_EQ(wrong, 0);
    EXPECT_GT(counted(&rt::worker::pinned_back), before);
  });
}

// Threads and goroutines as equals on both sides of everything.
RUNTIME_THREAD_TEST(migration, foreign_threads_block_and_wake) {
  constexpr int each = 200;
  chan<int> c(1);
  mutex m;
  condition changed;
  wait_group all;
  int plain = 0, turns = 0;
  std::atomic<long> received{0};
  auto work = [&](int i) {
    for (int k = 0; k < each; ++k) {
      if (i % 2 == 0) {
        c.send(k);
      } else {
        received += *c.recv();
      }
      std::scoped_lock hold(m);
      ++plain;
    }
    {
      std::unique_lock hold(m);
      ++turns;
      changed.broadcast();
      changed.wait(hold, [&] { return turns == 8; });
    }
    all.done();
  };
  all.add(8);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(work, i);
    go([&, i] { work(i); });
  }
  all.wait();
  for (auto& t : threads) t.join();
  EXPECT_EQ(plain, 8 * each);
  EXPECT_EQ(received, 4L * each * (each - 1) / 2);
}

}  // namespace
}  // namespace taut::test
