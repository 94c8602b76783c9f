// SPDX-License-Identifier: Apache-2.0
// Does one operation COUNT times and nothing else, so that instructions.py can count what one
// costs.
//
//   taut_operations NAME COUNT
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "taut/chan.h"
#include "taut/go.h"
#include "taut/mutex.h"
#include "taut/runtime.h"
#include "taut/select.h"
#include "taut/time.h"
#include "taut/wait_group.h"

namespace {

using numbers = taut::chan<std::int64_t>;

// What starting and stopping cost.
void nothing(int) {}

// Two goroutines, so that each yield is a switch to another one.
void yield(int n) {
  taut::wait_group group;
  for (int g = 0; g < 2; ++g) {
    group.go([=] {
      for (int i = 0; i < n / 2; ++i) taut::yield();
    });
  }
  group.wait();
}

void spawn(int n) {
  taut::wait_group group;
  for (int i = 0; i < n; ++i) {
    group.add(1);
    taut::go([&] { group.done(); });
    group.wait();
  }
}

void send(int n) {
  numbers c(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) c.send(i);
}

void send_recv(int n) {
  numbers c(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) c.send(i);
  for (int i = 0; i < n; ++i) c.recv();
}

// The receiver waits each time: a hand-over and a switch.
void hand_over(int n) {
  numbers c(0);
  taut::wait_group group;
  group.go([=] {
    for (int i = 0; i < n; ++i) c.recv();
  });
  for (int i = 0; i < n; ++i) c.send(i);
  group.wait();
}

void fill(const numbers& a, const numbers& b, int n) {
  for (int i = 0; i < n; ++i) {
    a.send(i);
    b.send(i);
  }
}

// What select_ready does besides selecting.
void select_fill(int n) {
  numbers a(static_cast<std::size_t>(n));
  numbers b(static_cast<std::size_t>(n));
  fill(a, b, n);
}

void select_ready(int n) {
  numbers a(static_cast<std::size_t>(n));
  numbers b(static_cast<std::size_t>(n));
  fill(a, b, n);
  for (int i = 0; i < n; ++i) taut::select(taut::recv(a), taut::recv(b));
}

void select_otherwise(int n) {
  numbers a(0);
  for (int i = 0; i < n; ++i) taut::select(taut::recv(a), taut::otherwise());
}

// A send that waits each time, for who selects among two; there and back.
void select_hand_over(int n) {
  numbers a(0), b(0), never(0);
  taut::wait_group group;
  group.go([=] {
    for (int i = 0; i < n; ++i) {
      taut::select(taut::recv(a), taut::recv(never));
      b.send(i);
    }
  });
  for (int i = 0; i < n; ++i) {
    a.send(i);
    taut::select(taut::recv(b), taut::recv(never));
  }
  group.wait();
}

// A sender for each of two channels that hold nothing; who selects waits for one after the other.
void select_wait(int n) {
  numbers a(0), b(0);
  taut::wait_group group;
  for (const numbers& c : {a, b}) {
    group.go([=] {
      for (int i = 0; i < n / 2; ++i) c.send(i);
    });
  }
  for (int i = 0; i < n; ++i) taut::select(taut::recv(a), taut::recv(b));
  group.wait();
}

// A channel is made, and each of ten goroutines sends into it once.
void gather(int n) {
  for (int i = 0; i < n; ++i) {
    numbers answers(0);
    for (int g = 0; g < 10; ++g) taut::go([=] { answers.send(g); });
    for (int g = 0; g < 10; ++g) answers.recv();
  }
}

// Four senders and four receivers, of whom one side or the other waits most of the time.
void mpmc(int n) {
  numbers c(128);
  taut::wait_group group;
  for (int g = 0; g < 8; ++g) {
    group.go([=] {
      for (int i = 0; i < n / 4; ++i) {
        if (g < 4) {
          c.send(i);
        } else {
          c.recv();
        }
      }
    });
  }
  group.wait();
}

void timer(int n) {
  for (int i = 0; i < n; ++i) {
    taut::timer t(std::chrono::hours(1));
    t.stop();
  }
}

void lock(int n) {
  taut::mutex m;
  for (int i = 0; i < n; ++i) {
    m.lock();
    m.unlock();
  }
}

struct operation {
  std::string_view name;
  void (*run)(int);
};

constexpr operation operations[] = {
    {"nothing", nothing},
    {"yield", yield},
    {"spawn", spawn},
    {"send", send},
    {"send_recv", send_recv},
    {"hand_over", hand_over},
    {"select_fill", select_fill},
    {"select_ready", select_ready},
    {"select_otherwise", select_otherwise},
    {"select_hand_over", select_hand_over},
    {"select_wait", select_wait},
    {"gather", gather},
    {"mpmc", mpmc},
    {"timer", timer},
    {"lock", lock},
};

}  // namespace

int main(int argc, char** argv) {
  const int n = argc == 3 ? std::atoi(argv[2]) : 0;
  for (const operation& each : operations) {
    if (n <= 0 || each.name != argv[1]) continue;
    taut::start({.workers = 1});
    taut::run([&] { each.run(n); });
    taut::stop();
    return 0;
  }
  std::fputs("usage: taut_operations NAME COUNT, with a NAME of operations.cc\n", stderr);
  return 2;
}
