// SPDX-License-Identifier: Apache-2.0
// Random goroutines over channels, locks and wait groups, of which the truth is known: who can
// still run follows from what each has left to do. Nobody who can may be proved leaked; and when
// everything that can happen has happened, none that was proved may have moved.
//
//   leak_truth [--seed N] [--rounds N]     prints how many of the stuck were proved, suspected and
//                                          missed
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "diag/proofs.h"
#include "diag/snapshot.h"
#include "taut/chan.h"
#include "taut/go.h"
#include "taut/mutex.h"
#include "taut/panic.h"
#include "taut/runtime.h"
#include "taut/select.h"
#include "taut/wait_group.h"

namespace {

constexpr int channels = 4, locks = 3, groups = 2, most_goroutines = 12, most_steps = 5;

enum class act : std::uint8_t { send, receive, pick, close, lock, unlock, add, done, wait, gate };
struct step {
  act what;
  std::uint8_t at, other;  // pick: receives from either
};
using script = std::vector<step>;

// What all share. Lives for ever, as those who are stuck do.
struct world {
  std::array<taut::mutex, locks> mutexes;
  std::array<taut::wait_group, groups> waits;
  std::array<int, groups> counter{};           // done() calls still missing: written by the script
  std::array<std::atomic<int>, locks> owners;  // index of the goroutine; -1: free
};

struct actor {
  script steps;
  std::atomic<std::size_t> at{0};  // steps.size(): has ended
  std::atomic<std::uint64_t> id{0};
};

// The handles that a script needs, as long as it may need them: on its stack, or in the heap.
struct handles {
  std::array<taut::chan<int>, channels> both;
};

void perform(const step& s, world& w, const handles& h, const taut::chan<int>& gate, int me) {
  switch (s.what) {
    case act::send:
      return h.both[s.at].send(me);
    case act::receive:
      h.both[s.at].recv();
      return;
    case act::pick:
      taut::select(taut::recv(h.both[s.at]), taut::recv(h.both[s.other]));
      return;
    case act::close:
      return h.both[s.at].close();
    case act::lock:
      w.mutexes[s.at].lock();
      w.owners[s.at] = me;
      return;
    case act::unlock:
      w.owners[s.at] = -1;
      return w.mutexes[s.at].unlock();
    case act::add:
      return;
    case act::done:
      return w.waits[s.at].done();
    case act::wait:
      return w.waits[s.at].wait();
    case act::gate:
      gate.recv();
      return;
  }
}

void play(actor& a, world& w, const handles& h, const taut::chan<int>& gate, int me) {
  a.id = taut::this_goroutine::id();
  try {
    for (const step& s : a.steps) {
      perform(s, w, h, gate, me);
      ++a.at;
    }
  } catch (const taut::panic&) {
    a.at = a.steps.size();  // a channel was closed
  }
}

bool needs(const script& steps, int channel) {
  for (const step& s : steps) {
    if (s.what <= act::close && (s.at == channel || (s.what == act::pick && s.other == channel)))
      return true;
  }
  return false;
}

class trial {
 public:
  explicit trial(std::uint64_t seed) : rng_(seed) {}

  // False: somebody was wronged.
  bool run();
  std::size_t stuck = 0, proved = 0, suspected = 0, wrongly_suspected = 0, runnable = 0;

 private:
  int below(int n) { return static_cast<int>(rng_() % static_cast<unsigned>(n)); }
  script random_script();
  void start();
  void settle();
  std::size_t total() const;
  std::vector<bool> who_can_run() const;
  bool may_be_served(const step& s, const std::vector<bool>& alive) const;
  taut::rt::verdict verdict_of(const taut::rt::proofs& p, const actor& a) const;

  std::mt19937_64 rng_;
  world& w_ = *new world;
  std::vector<actor*> actors_;
  std::array<taut::chan<int>, channels> all_;
  std::array<bool, channels> kept_{};  // the driver has a handle, and will close the channel
  taut::chan<int> gate_{0};
};

script trial::random_script() {
  script steps;
  std::array<bool, locks> held{};
  for (int i = 0, n = 1 + below(most_steps); i < n; ++i) {
    const auto c = static_cast<std::uint8_t>(below(channels));
    const auto l = static_cast<std::uint8_t>(below(locks));
    const auto g = static_cast<std::uint8_t>(below(groups));
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        steps.push_back({act::send, c, 0});
        break;
      case 3:
      case 4:
      case 5:
        steps.push_back({act::receive, c, 0});
        break;
      case 6:
        steps.push_back({act::pick, c, static_cast<std::uint8_t>(below(channels))});
        break;
      case 7:
        if (below(3) == 0) steps.push_back({act::close, c, 0});
        break;
      case 8:
      case 9:
        steps.push_back({held[l] ? act::unlock : act::lock, l, 0});
        held[l] = !held[l];
        break;
      case 10:
        steps.push_back({act::done, g, 0});
        ++w_.counter[g];
        break;
      default:
        steps.push_back({below(2) == 0 ? act::wait : act::gate, g, 0});
        break;
    }
  }
  for (std::uint8_t l = 0; l < locks; ++l) {
    if (held[l] && below(3) != 0) steps.push_back({act::unlock, l, 0});
  }
  return steps;
}

void trial::start() {
  for (auto& owner : w_.owners) owner = -1;
  for (auto& c : all_) c = taut::chan<int>(static_cast<std::size_t>(below(2)));
  for (int i = 0, n = 2 + below(most_goroutines - 1); i < n; ++i) {
    actors_.push_back(new actor);
    actors_.back()->steps = random_script();
  }
  for (int g = 0; g < groups; ++g) {
    w_.counter[g] += below(2);  // one that nobody calls, now and then
    if (w_.counter[g] != 0) w_.waits[g].add(w_.counter[g]);
  }
  for (std::size_t i = 0; i < actors_.size(); ++i) {
    actor& a = *actors_[i];
    handles mine;
    for (int c = 0; c < channels; ++c) {
      if (needs(a.steps, c)) mine.both[c] = all_[c];
    }
    const int me = static_cast<int>(i);
    if (below(4) == 0) {
      taut::go([&a, &w = w_, gate = gate_, me, h = std::make_unique<handles>(std::move(mine))] {
        play(a, w, *h, gate, me);
      });
    } else {
      taut::go([&a, &w = w_, gate = gate_, me, h = std::move(mine)] { play(a, w, h, gate, me); });
    }
  }
  for (int c = 0; c < channels; ++c) {
    kept_[c] = below(4) == 0;
    if (!kept_[c]) all_[c].reset();
  }
}

std::size_t trial::total() const {
  std::size_t n = 0;
  for (const actor* a : actors_) n += a->at + (a->id != 0);
  return n;
}

// Until nothing has moved for a while: all are parked or have ended, so nothing moves again by
// itself.
void trial::settle() {
  for (std::size_t before = ~std::size_t{0}, quiet = 0; quiet < 200; ++quiet) {
    taut::yield();
    const std::size_t now = total();
    if (now != before) quiet = 0;
    before = now;
  }
}

bool trial::may_be_served(const step& s, const std::vector<bool>& alive) const {
  auto left_to_do = [&](auto&& serves) {
    for (std::size_t i = 0; i < actors_.size(); ++i) {
      if (!alive[i]) continue;
      for (std::size_t n = actors_[i]->at; n < actors_[i]->steps.size(); ++n) {
        if (serves(actors_[i]->steps[n])) return true;
      }
    }
    return false;
  };
  auto served_at = [&](int c, bool sends) {
    return kept_[c] || left_to_do([&](const step& o) {
             if (o.what == act::close) return o.at == c;
             if (sends)
               return (o.what == act::receive && o.at == c) ||
                      (o.what == act::pick && (o.at == c || o.other == c));
             return o.what == act::send && o.at == c;
           });
  };
  switch (s.what) {
    case act::send:
      return served_at(s.at, true);
    case act::receive:
      return served_at(s.at, false);
    case act::pick:
      return served_at(s.at, false) || served_at(s.other, false);
    case act::lock: {
      const int owner = w_.owners[s.at];
      return owner < 0 || (alive[static_cast<std::size_t>(owner)] &&
                           actors_[static_cast<std::size_t>(owner)]->at <
                               actors_[static_cast<std::size_t>(owner)]->steps.size());
    }
    case act::wait:
      return left_to_do([&](const step& o) { return o.what == act::done && o.at == s.at; });
    default:
      return true;  // the gate will open, the rest does not block
  }
}

// The least fixpoint, and generous: one who could do something is taken to do it.
std::vector<bool> trial::who_can_run() const {
  std::vector<bool> alive(actors_.size());
  for (bool more = true; more;) {
    more = false;
    for (std::size_t i = 0; i < actors_.size(); ++i) {
      const actor& a = *actors_[i];
      if (alive[i] || a.at == a.steps.size()) continue;
      if (!may_be_served(a.steps[a.at], alive)) continue;
      alive[i] = true;
      more = true;
    }
  }
  return alive;
}

taut::rt::verdict trial::verdict_of(const taut::rt::proofs& p, const actor& a) const {
  const std::uint32_t i = p.seen().find(a.id);
  return i == taut::rt::mapped_index::none ? taut::rt::verdict::alive : p.of(i);
}

bool trial::run() {
  start();
  settle();
  const taut::rt::snapshot before({.stacks = false});
  taut::yield();
  const taut::rt::frame_registers here = taut::rt::current_registers();
  const taut::rt::snapshot now({.stacks = true, .references = true, .caller = &here});
  const taut::rt::proofs verdicts(before, now, {});
  const std::vector<bool> can_run = who_can_run();
  std::map<actor*, std::size_t> doomed;
  bool right = true;
  for (std::size_t i = 0; i < actors_.size(); ++i) {
    actor& a = *actors_[i];
    if (a.at == a.steps.size()) continue;
    const taut::rt::verdict v = verdict_of(verdicts, a);
    (can_run[i] ? runnable : stuck) += 1;
    if (v == taut::rt::verdict::proved) doomed[&a] = a.at;
    if (can_run[i]) {
      if (v == taut::rt::verdict::proved) {
        std::printf("goroutine %zu was proved stuck, and can run\n", i);
        right = false;
      }
      wrongly_suspected += v == taut::rt::verdict::suspected;
    } else {
      proved += v == taut::rt::verdict::proved;
      suspected += v == taut::rt::verdict::suspected;
    }
  }
  // Everything that the driver can do, happens.
  gate_.close();
  settle();
  for (int c = 0; c < channels; ++c) {
    if (kept_[c]) static_cast<void>(all_[c].try_recv());
  }
  settle();
  for (int c = 0; c < channels; ++c) {
    if (!kept_[c]) continue;
    try {
      all_[c].close();
    } catch (const taut::panic&) {
    }
  }
  settle();
  for (const auto& [a, at] : doomed) {
    if (a->at == at) continue;
    std::printf("a goroutine that was proved stuck went on\n");
    right = false;
  }
  return right;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = 1;
  int rounds = 300;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seed") == 0) {
      seed = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (std::strcmp(argv[i], "--rounds") == 0) {
      rounds = std::atoi(argv[i + 1]);
    } else {
      std::fprintf(stderr, "leak_truth: unknown option %s; see the top of its source\n", argv[i]);
      return 2;
    }
  }
  std::size_t stuck = 0, proved = 0, suspected = 0, wrongly = 0, alive = 0;
  bool right = true;
  taut::run([&] {
    for (int i = 0; i < rounds; ++i) {
      auto* r = new trial(seed + static_cast<std::uint64_t>(i));
      if (!r->run()) {
        std::printf("leak_truth --seed %llu --rounds 1\n",
                    static_cast<unsigned long long>(seed) + static_cast<unsigned long long>(i));
        right = false;
      }
      stuck += r->stuck;
      proved += r->proved;
      suspected += r->suspected;
      wrongly += r->wrongly_suspected;
      alive += r->runnable;
    }
  });
  std::printf("%zu stuck: %zu proved, %zu suspected, %zu missed; %zu that can run: %zu suspected\n",
              stuck, proved, suspected, stuck - proved - suspected, alive, wrongly);
  // Many are missed for good reason: somebody who is done with a channel still has a handle, or
  // handles lie in the heap; under AddressSanitizer frames keep more stale words.
  if (stuck > 500 && (proved + suspected) * 10 < stuck) {
    std::printf("too few were found\n");
    right = false;
  }
  std::fflush(nullptr);
  std::_Exit(right ? 0 : 1);
}
