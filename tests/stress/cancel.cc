// SPDX-License-Identifier: Apache-2.0
// Random programs whose goroutines are cancelled at random moments, over channels, select, mutexes
// and wait groups. Whatever the schedule: a value is received exactly once if its send succeeded,
// and never if its sender gave up.
//
//   cancel [--seed N] [--seconds S]     prints the seed of each round; --seed N runs that round
//                                       only
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "stress/rounds.h"
#include "taut/chan.h"
#include "taut/context.h"
#include "taut/go.h"
#include "taut/mutex.h"
#include "taut/runtime.h"
#include "taut/select.h"
#include "taut/time.h"
#include "taut/wait_group.h"

namespace {

using namespace std::chrono_literals;
using channels = std::vector<taut::chan<std::uint32_t>>;

// What became of one value.
struct fate {
  std::atomic<std::uint8_t> sent{0}, received{0};
};

struct program {
  channels c;
  std::vector<taut::cancelable> contexts;
  std::unique_ptr<fate[]> fates;
  std::size_t values = 0;
  taut::mutex guard;
  std::uint64_t plain = 0;  // guarded
  std::atomic<std::uint64_t> counted{0};
  taut::wait_group senders, receivers, rest;

  // A critical section with a switch in it now and then; its end must come also when the goroutine
  // is cancelled meanwhile.
  void count(bool yields) {
    std::scoped_lock hold(guard);
    const std::uint64_t before = plain;
    if (yields) taut::yield();
    plain = before + 1;
    ++counted;
  }
};

struct done_at_end {
  taut::wait_group* of;
  explicit done_at_end(taut::wait_group& w) : of(&w) {}
  done_at_end(done_at_end&& other) noexcept : of(std::exchange(other.of, nullptr)) {}
  ~done_at_end() {
    if (of != nullptr) of->done();
  }
};

// Runs f in the group as a goroutine bound to ctx, which may be background().
template <class F>
void start_in(taut::wait_group& group, const taut::context& ctx, F f) {
  group.add(1);
  taut::go(ctx, [end = done_at_end(group), f = std::move(f)]() mutable { f(); });
}

// Sends by one of the ways there are. False: gave up, the value was not taken. Throws canceled when
// the bound context ended: not taken either.
bool send_one(program& p, const taut::context& ctx, std::minstd_rand& random, std::uint32_t v) {
  auto pick = [&]() -> const taut::chan<std::uint32_t>& { return p.c[random() % p.c.size()]; };
  switch (random() % 5) {
    case 0:
      return pick().send(ctx, v).has_value();
    case 1: {
      const auto done = ctx.done();
      return taut::select(taut::send(pick(), v), taut::recv(done, [](auto) {}),
                          taut::send(pick(), v)) != 1;
    }
    case 2:
      return taut::select(taut::send(pick(), v), taut::timeout(30us)) == 0;
    case 3:
      return pick().send_until(std::chrono::steady_clock::now() + 30us, v).has_value();
    default:
      pick().send(v);
      return true;
  }
}

void send_values(program& p, const taut::context& ctx, std::uint64_t seed, std::size_t first,
                 std::size_t n) {
  std::minstd_rand random(static_cast<unsigned>(seed));
  for (std::size_t v = first; v < first + n; ++v) {
    if (send_one(p, ctx, random, static_cast<std::uint32_t>(v))) p.fates[v].sent = 1;
    if (random() % 8 == 0) p.count(random() % 2 == 0);
  }
}

// Receives until it is cancelled or every channel is closed.
void receive_values(program& p, const taut::context& ctx, std::uint64_t seed) {
  std::minstd_rand random(static_cast<unsigned>(seed));
  std::vector<bool> open(p.c.size(), true);
  std::size_t left = p.c.size();
  while (left > 0 && !ctx.err()) {
    std::size_t at = random() % p.c.size();
    while (!open[at]) at = (at + 1) % p.c.size();
    bool ended = false;
    auto take = [&](std::optional<std::uint32_t> v) {
      v ? void(++p.fates[*v].received) : void(ended = true);
    };
    // Without a limit only who can be cancelled waits at one channel: the others must see all of
    // them.
    const bool limited = static_cast<bool>(ctx.done());
    switch (limited ? random() % 4 : random() % 3 + 1) {
      case 0: {
        auto r = p.c[at].recv(ctx);
        if (r) take(*r);
        ended = r.error() == taut::errc::closed;
        break;
      }
      case 1: {
        const auto done = ctx.done();
        taut::select(taut::recv(p.c[at], take), taut::recv(done, [](auto) {}), taut::timeout(40us));
        break;
      }
      case 2: {
        auto r = p.c[at].recv_until(std::chrono::steady_clock::now() + 40us);
        if (r) take(*r);
        ended = r.error() == taut::errc::closed;
        break;
      }
      default: {
        auto r = p.c[at].try_recv();
        if (r) take(*r);
        ended = r.error() == taut::errc::closed;
        if (!r) taut::yield();
        break;
      }
    }
    if (random() % 8 == 0) p.count(random() % 2 == 0);
    if (ended) {
      open[at] = false;
      --left;
    }
  }
}

bool one_round(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  constexpr int workers[] = {1, 2, 4};
  taut::start({.workers = workers[random() % 3],
               .force_migrate = random() % 2 == 0,
               .perturb_seed = random() % 2 == 0 ? random() | 1 : 0});
  program p;
  taut::run([&] {
    const std::size_t n_channels = random() % 4 + 1, n_contexts = random() % 6 + 1;
    const std::size_t n_senders = random() % 12 + 1, n_receivers = random() % 8,
                      each = random() % 100 + 1;
    for (std::size_t i = 0; i < n_channels; ++i)
      p.c.emplace_back(random() % 3 == 0 ? 0 : random() % 8);
    for (std::size_t i = 0; i < n_contexts; ++i) {
      const taut::context parent =
          i == 0 || random() % 2 == 0 ? taut::background() : p.contexts[random() % i].ctx;
      p.contexts.push_back(
          random() % 4 == 0 ? taut::with_timeout(parent, std::chrono::microseconds(random() % 3000))
                            : taut::with_cancel(parent));
    }
    p.values = n_senders * each;
    p.fates = std::make_unique<fate[]>(p.values);
    auto some_context = [&] {
      return random() % 3 == 0 ? taut::background() : p.contexts[random() % n_contexts].ctx;
    };
    for (std::size_t i = 0; i < n_senders; ++i) {
      start_in(p.senders, some_context(), [&p, ctx = some_context(), s = random(), i, each] {
        send_values(p, ctx, s, i * each, each);
      });
    }
    for (std::size_t i = 0; i < n_receivers; ++i) {
      start_in(p.receivers, some_context(),
               [&p, ctx = some_context(), s = random()] { receive_values(p, ctx, s); });
    }
    // One that nobody cancels, so that every sender gets rid of its values.
    start_in(p.receivers, taut::background(),
             [&p, s = random()] { receive_values(p, taut::background(), s); });
    // Waiters that may give up, and be cancelled, while others come and go.
    for (int i = 0; i < 4; ++i) {
      start_in(p.rest, some_context(), [&p, ctx = some_context(), i] {
        if (i % 2 == 0) {
          if (!p.senders.wait(ctx)) ctx.wait();
        } else {
          static_cast<void>(taut::sleep_for(ctx, 500us));
          p.senders.wait();
        }
      });
    }
    for (std::size_t i = 0; i < n_contexts; ++i) {
      start_in(p.rest, taut::background(), [&p, i, r = random()] {
        if (r % 2 == 0) taut::sleep_for(std::chrono::microseconds(r / 2 % 1500));
        for (std::uint64_t k = r / 4096 % 64; k > 0; --k) taut::yield();
        p.contexts[i].cancel();
      });
    }
    p.senders.wait();
    for (auto& each_channel : p.c) each_channel.close();
    p.receivers.wait();
    p.rest.wait();
  });
  for (int i = 0; i < 1'000'000 && taut::num_goroutine() != 0; ++i) taut::yield();
  const std::size_t left = taut::stop();
  std::size_t wrong = 0, sent = 0;
  for (std::size_t v = 0; v < p.values; ++v) {
    sent += p.fates[v].sent;
    if (p.fates[v].sent == p.fates[v].received) continue;
    if (++wrong < 5) {
      std::printf("value %zu: sent %d times, received %d times\n", v, p.fates[v].sent.load(),
                  p.fates[v].received.load());
    }
  }
  const bool right = wrong == 0 && left == 0 && p.plain == p.counted;
  if (!right) {
    std::printf(
        "seed %llu: %zu of %zu values wrong (%zu sent), %zu goroutines left, counted %llu of "
        "%llu\n",
        static_cast<unsigned long long>(seed), wrong, p.values, sent, left,
        static_cast<unsigned long long>(p.plain),
        static_cast<unsigned long long>(p.counted.load()));
  }
  return right;
}

}  // namespace

int main(int argc, char** argv) { return taut::test::run_rounds(argc, argv, one_round); }
