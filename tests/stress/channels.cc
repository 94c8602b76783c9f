// SPDX-License-Identifier: Apache-2.0
// Random programs over channels, select and close. Every value sent is received exactly once,
// whatever the schedule.
//
//   channels [--seed N] [--seconds S]     prints the seed of each round; --seed N runs that round
//                                         only
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

#include "stress/rounds.h"
#include "taut/chan.h"
#include "taut/go.h"
#include "taut/runtime.h"
#include "taut/select.h"

namespace {

using namespace std::chrono_literals;

struct tally {
  std::atomic<std::uint64_t> sent{0}, received{0}, sent_sum{0}, received_sum{0};
};

// What one round's shape is; drawn from its seed.
struct shape {
  int channels, senders, receivers, values, trees;
  std::vector<std::size_t> capacities;
};

void send_values(const std::vector<taut::chan<std::uint64_t>>& c, const shape& s,
                 std::uint64_t seed, tally& t) {
  std::minstd_rand random(static_cast<unsigned>(seed));
  auto pick = [&]() -> const taut::chan<std::uint64_t>& { return c[random() % c.size()]; };
  for (int i = 0; i < s.values; ++i) {
    const std::uint64_t v = seed * 1'000'003 + static_cast<std::uint64_t>(i);
    switch (random() % 5) {
      case 0:
        while (!pick().try_send(v)) taut::yield();
        break;
      case 1:
        taut::select(taut::send(pick(), v), taut::send(pick(), v), taut::send(pick(), v));
        break;
      case 2:
        while (taut::select(taut::send(pick(), v), taut::timeout(50us)) != 0) {
        }
        break;
      case 3:
        while (!pick().send_until(std::chrono::steady_clock::now() + 50us, v)) {
        }
        break;
      default:
        pick().send(v);
        break;
    }
    ++t.sent;
    t.sent_sum += v;
  }
}

void receive_values(const std::vector<taut::chan<std::uint64_t>>& c, std::uint64_t seed, tally& t) {
  std::minstd_rand random(static_cast<unsigned>(seed));
  std::vector<bool> open(c.size(), true);
  std::size_t left = c.size();
  auto got = [&](std::uint64_t v) {
    ++t.received;
    t.received_sum += v;
  };
  while (left > 0) {
    std::size_t at = random() % c.size();
    while (!open[at]) at = (at + 1) % c.size();
    bool ended = false;
    auto take = [&](std::optional<std::uint64_t> v) { v ? got(*v) : void(ended = true); };
    switch (random() % 4) {
      case 0: {
        auto r = c[at].try_recv();
        if (r) got(*r);
        if (r.error() == taut::errc::closed) ended = true;
        if (!r) taut::yield();
        break;
      }
      case 1:
        taut::select(taut::recv(c[at], take), taut::timeout(100us));
        break;
      case 2: {
        // All at once; a closed one is ready for ever, so it is left out.
        taut::select_list all;
        std::vector<std::size_t> index;
        std::vector<std::optional<std::uint64_t>> into(c.size());
        for (std::size_t i = 0; i < c.size(); ++i) {
          if (!open[i]) continue;
          all.recv(c[i], into[i]);
          index.push_back(i);
        }
        at = index[all.run()];
        take(into[at]);
        break;
      }
      default: {
        auto r = c[at].recv_until(std::chrono::steady_clock::now() + 100us);
        if (r) got(*r);
        if (r.error() == taut::errc::closed) ended = true;
        break;
      }
    }
    if (ended) {
      open[at] = false;
      --left;
    }
  }
}

// A tree of goroutines, each of which answers to its parent.
int spawn_tree(int depth) {
  if (depth == 0) return 1;
  taut::chan<int> answers(depth % 2);
  for (int i = 0; i < 3; ++i) taut::go([=] { answers.send(spawn_tree(depth - 1)); });
  int sum = 0;
  for (int i = 0; i < 3; ++i) sum += *answers.recv();
  return sum;
}

bool one_round(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  constexpr int workers[] = {1, 2, 4};
  const taut::options wanted{.workers = workers[random() % 3],
                             .force_migrate = random() % 2 == 0,
                             .perturb_seed = random() % 2 == 0 ? random() | 1 : 0};
  shape s{static_cast<int>(random() % 5) + 1,  static_cast<int>(random() % 12) + 1,
          static_cast<int>(random() % 12) + 1, static_cast<int>(random() % 200) + 1,
          static_cast<int>(random() % 4),      {}};
  taut::start(wanted);
  tally t;
  bool trees_right = true;
  taut::run([&] {
    std::vector<taut::chan<std::uint64_t>> c;
    for (int i = 0; i < s.channels; ++i) c.emplace_back(random() % 3 == 0 ? 0 : random() % 8);
    taut::chan<taut::unit> senders_done(0), receivers_done(0);
    taut::chan<bool> trees(0);
    for (int i = 0; i < s.senders; ++i) {
      taut::go([&, i, senders_done] {
        send_values(c, s, seed % 1000 * 100 + static_cast<std::uint64_t>(i), t);
        senders_done.send({});
      });
    }
    for (int i = 0; i < s.receivers; ++i) {
      taut::go([&, i, receivers_done] {
        receive_values(c, seed + static_cast<std::uint64_t>(i), t);
        receivers_done.send({});
      });
    }
    for (int i = 0; i < s.trees; ++i) taut::go([=] { trees.send(spawn_tree(5) == 243); });
    for (int i = 0; i < s.senders; ++i) senders_done.recv();
    for (auto& each : c) each.close();
    for (int i = 0; i < s.receivers; ++i) receivers_done.recv();
    for (int i = 0; i < s.trees; ++i) trees_right = *trees.recv() && trees_right;
  });
  for (int i = 0; i < 1'000'000 && taut::num_goroutine() != 0; ++i) taut::yield();
  const std::size_t left = taut::stop();
  const bool right =
      t.sent == t.received && t.sent_sum == t.received_sum && left == 0 && trees_right &&
      t.sent == static_cast<std::uint64_t>(s.senders) * static_cast<std::uint64_t>(s.values);
  if (!right) {
    std::printf(
        "seed %llu: sent %llu received %llu, sums %llu %llu, %zu goroutines left, trees %s\n",
        static_cast<unsigned long long>(seed), static_cast<unsigned long long>(t.sent.load()),
        static_cast<unsigned long long>(t.received.load()),
        static_cast<unsigned long long>(t.sent_sum.load()),
        static_cast<unsigned long long>(t.received_sum.load()), left,
        trees_right ? "right" : "wrong");
  }
  return right;
}

}  // namespace

int main(int argc, char** argv) { return taut::test::run_rounds(argc, argv, one_round); }
