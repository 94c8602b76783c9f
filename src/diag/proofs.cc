// SPDX-License-Identifier: Apache-2.0
#include "diag/proofs.h"

#include <algorithm>
#include <numeric>

#include "diag/loaded_object.h"
#include "diag/seen_objects.h"
#include "sched/wait_reason.h"
#include "sync/owner.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::uint32_t none = mapped_index::none;

bool waits_for_ever(wait_reason r) noexcept {
  return r == wait_reason::chan_receive_nil || r == wait_reason::chan_send_nil ||
         r == wait_reason::select_no_cases || r == wait_reason::context_never ||
         r == wait_reason::semacquire_never;
}

bool waits_for_owner(wait_reason r) noexcept {
  return r == wait_reason::mutex_lock || r == wait_reason::rwmutex_rlock;
}

bool waits_for_shared(wait_reason r) noexcept {
  return r == wait_reason::cond_wait || r == wait_reason::wait_group_wait ||
         r == wait_reason::semacquire || r == wait_reason::scope_join ||
         r == wait_reason::scope_enter;
}

bool waits_for_channel(wait_reason r) noexcept {
  return r == wait_reason::chan_send || r == wait_reason::chan_receive || r == wait_reason::select;
}

// In a module's data: any code may reach it.
bool is_global(const void* object) noexcept { return loaded_object::holds(object); }

// Takes out of `open` who turns out to live, until nobody does. Looks in both directions in turn,
// so that chains settle in few rounds; what is too entangled for that counts as alive: not to know
// costs a finding, never a false one.
template <class F>
void until_settled(std::vector<std::uint32_t>& open, F&& lives) {
  constexpr int most_rounds = 256;
  for (int round = 0; round < most_rounds; ++round) {
    const std::size_t before = open.size();
    std::erase_if(open, lives);
    std::reverse(open.begin(), open.end());
    if (open.size() == before) return;
  }
  open.clear();
}

}  // namespace

template <class F>
bool proofs::any_case(const goroutine_record& g, F&& f) const noexcept {
  if (g.reason != wait_reason::select)
    return f(case_record{g.object, g.reason == wait_reason::chan_send});
  for (std::uint32_t i = 0; i < g.cases; ++i) {
    if (f(now_.cases[g.first_case + i])) return true;
  }
  return false;
}

proofs::proofs(const snapshot& before, const snapshot& now, const proof_options& wanted)
    : before_(before),
      now_(now),
      wanted_(wanted),
      verdicts_(now.goroutines.size(), verdict::alive),
      candidates_(now.goroutines.size()),
      sending_(now.channels.size()),
      receiving_(now.channels.size()),
      by_object_(now.references.size()) {
  // Without the whole picture an owner or a handle could be missing from it.
  if (!before.complete || !now.complete) return;
  for (std::uint32_t i = 0; i < candidates_.size(); ++i) candidates_[i] = candidate(i);
  std::iota(by_object_.begin(), by_object_.end(), 0);
  auto is_into = [&](std::uint32_t r) {
    return now_.references[r].kind == reference_kind::into_stack;
  };
  const auto middle =
      std::partition(by_object_.begin(), by_object_.end(), [&](auto r) { return !is_into(r); });
  by_target_.assign(middle, by_object_.end());
  by_object_.erase(middle, by_object_.end());
  std::sort(by_object_.begin(), by_object_.end(),
            [&](auto a, auto b) { return now_.references[a].object < now_.references[b].object; });
  std::sort(by_target_.begin(), by_target_.end(),
            [&](auto a, auto b) { return now_.references[a].into < now_.references[b].into; });
  prove();
  suspect();
}

bool proofs::candidate(std::uint32_t i) const noexcept {
  const goroutine_record& g = now_.goroutines[i];
  if (!g.waits() || !g.stable || now_.taken - g.since < wanted_.min_age) return false;
  if (g.limited) return false;
  const std::uint32_t earlier = before_.find(g.id);
  if (earlier == none || !before_.goroutines[earlier].waits() ||
      before_.goroutines[earlier].dispatches != g.dispatches)
    return false;
  return waits_for_ever(g.reason) || g.linked;
}

std::uint64_t proofs::owner_id_of(std::uint32_t i) const noexcept {
  const goroutine_record& g = now_.goroutines[i];
  if (!waits_for_owner(g.reason)) return 0;
  const object_record* then = before_.object(g.object);
  const object_record* o = now_.object(g.object);
  if (then == nullptr || o == nullptr || !then->readable || !o->readable) return 0;
  const std::uint64_t owner = seen_lock(*o).owner;
  return seen_lock(*then).owner == owner ? owner : 0;
}

std::uint32_t proofs::owner_of(std::uint32_t i) const noexcept {
  return now_.find_owner(owner_id_of(i));
}

proofs::reader_list proofs::readers_of(std::uint32_t i) const noexcept {
  reader_list readers;
  const goroutine_record& g = now_.goroutines[i];
  const object_record* o = now_.object(g.object);
  if (g.reason != wait_reason::rwmutex_lock || o == nullptr || !o->readable) return readers;
  const seen_shared_mutex m(*o);
  for (const std::uint64_t id : m.readers) {
    if (id != 0) readers.ids[readers.count++] = id;
  }
  readers.all = m.waited_for > 0 && static_cast<std::size_t>(m.waited_for) <= readers.count;
  return readers;
}

bool proofs::readers_may_leave(std::uint32_t i, const std::vector<bool>& alive) const noexcept {
  const reader_list readers = readers_of(i);
  if (!readers.all) return true;
  for (std::size_t n = 0; n < readers.count; ++n) {
    const std::uint32_t reader = now_.find_owner(readers.ids[n]);
    if (reader == none ? (readers.ids[n] & thread_owner) != 0 : alive[reader]) return true;
  }
  return false;
}

bool proofs::case_possible(const case_record& c) const noexcept {
  if (c.channel == nullptr) return false;
  const channel_record* k = now_.channel(c.channel);
  if (k == nullptr || !k->alive || k->closed) return true;
  if (!c.sends && (k->endless || k->spent)) return false;
  return (c.sends ? k->receivers : k->senders) != 0;
}

bool proofs::may_wake_exactly(std::uint32_t i, const std::vector<bool>& alive) const noexcept {
  const goroutine_record& g = now_.goroutines[i];
  // A context that could end would have made it no candidate.
  if (waits_for_ever(g.reason) || g.reason == wait_reason::context_done) return false;
  if (waits_for_channel(g.reason))
    return any_case(g, [&](const case_record& c) { return case_possible(c); });
  if (waits_for_owner(g.reason)) {
    const std::uint64_t id = owner_id_of(i);
    if (id == 0) return true;
    const std::uint32_t owner = now_.find_owner(id);
    // A thread that does not wait is not in the snapshot, yet it lives.
    return owner == none ? (id & thread_owner) != 0 : alive[owner];
  }
  return true;
}

void proofs::prove() {
  std::vector<bool> alive(candidates_.size());
  std::vector<std::uint32_t> stuck_without_owner, waiters_of_owner;
  for (std::uint32_t i = 0; i < alive.size(); ++i) {
    alive[i] = !candidates_[i];
    if (candidates_[i] && waits_for_owner(now_.goroutines[i].reason)) {
      waiters_of_owner.push_back(i);
    } else if (candidates_[i]) {
      alive[i] = may_wake_exactly(i, alive);
      if (!alive[i]) stuck_without_owner.push_back(i);
    }
  }
  until_settled(waiters_of_owner,
                [&](std::uint32_t i) { return alive[i] = may_wake_exactly(i, alive); });
  for (std::uint32_t i : stuck_without_owner) verdicts_[i] = verdict::proved;
  for (std::uint32_t i : waiters_of_owner) verdicts_[i] = verdict::proved;
}

bool proofs::shared_may_wake(std::uint32_t i, const std::vector<bool>& alive) const noexcept {
  const goroutine_record& g = now_.goroutines[i];
  if (now_.taken - g.since < wanted_.min_age_of_shared || is_global(g.object)) return true;
  const std::uint32_t host = now_.object(g.object)->host;
  if (host != none && alive[host]) return true;
  auto refers = first_reference(g.object);
  bool by_another = false;
  for (; refers != by_object_.end() && now_.references[*refers].object == g.object; ++refers) {
    const std::uint32_t from = now_.references[*refers].from;
    if (alive[from]) return true;
    by_another = by_another || from != i;
  }
  // In the heap and known to this goroutine alone, as far as stacks show: no evidence.
  return host == none && !by_another;
}

bool proofs::may_wake_likely(std::uint32_t i, const std::vector<bool>& alive) const noexcept {
  const goroutine_record& g = now_.goroutines[i];
  if (waits_for_channel(g.reason)) {
    return any_case(g, [&](const case_record& c) {
      if (!case_possible(c)) return false;
      const channel_record* k = now_.channel(c.channel);
      if (k == nullptr || k->closed) return true;
      const handle_count n = handles(*k, !c.sends);
      return n.on_stuck_stacks < n.exist;
    });
  }
  if (g.reason == wait_reason::rwmutex_lock) return readers_may_leave(i, alive);
  if (waits_for_shared(g.reason)) return shared_may_wake(i, alive);
  return may_wake_exactly(i, alive);
}

void proofs::suspect() {
  std::vector<bool> alive(candidates_.size());
  std::vector<std::uint32_t> open;  // candidates still taken for stuck
  for (std::uint32_t i = 0; i < alive.size(); ++i) {
    alive[i] = !candidates_[i];
    if (candidates_[i]) open.push_back(i);
  }
  auto count_handles = [&](const reference_record& r, std::uint32_t by) {
    if (r.kind > reference_kind::handle_receive) return;
    const auto index = static_cast<std::size_t>(now_.channel(r.object) - now_.channels.begin());
    if (r.kind != reference_kind::handle_receive) sending_[index].on_stuck_stacks += by;
    if (r.kind != reference_kind::handle_send) receiving_[index].on_stuck_stacks += by;
  };
  for (std::size_t i = 0; i < now_.channels.size(); ++i) {
    sending_[i].exist = now_.channels[i].senders;
    receiving_[i].exist = now_.channels[i].receivers;
  }
  for (const reference_record& r : now_.references) {
    if (!alive[r.from]) count_handles(r, 1);
  }
  // By goroutine: its references are together, for stacks were read one after another.
  auto lose = [&](std::uint32_t i) {
    auto r = std::partition_point(now_.references.begin(), now_.references.end(),
                                  [&](const reference_record& x) { return x.from < i; });
    for (; r != now_.references.end() && r->from == i; ++r)
      count_handles(*r, static_cast<std::uint32_t>(-1));
  };
  until_settled(open, [&](std::uint32_t i) {
    bool lives = verdicts_[i] != verdict::proved && may_wake_likely(i, alive);
    // What a running goroutine points to, it may use: also another's stack.
    for (auto r = first_into(i); !lives && verdicts_[i] != verdict::proved &&
                                 r != by_target_.end() && now_.references[*r].into == i;
         ++r) {
      lives = alive[now_.references[*r].from];
    }
    if (!lives) return false;
    alive[i] = true;
    lose(i);
    return true;
  });
  for (std::uint32_t i : open) {
    if (verdicts_[i] == verdict::alive) verdicts_[i] = verdict::suspected;
  }
}

handle_count proofs::handles(const channel_record& c, bool needs_senders) const noexcept {
  const auto index = static_cast<std::size_t>(&c - now_.channels.begin());
  return needs_senders ? sending_[index] : receiving_[index];
}

std::vector<std::uint32_t>::const_iterator proofs::first_reference(
    const void* object) const noexcept {
  return std::lower_bound(
      by_object_.begin(), by_object_.end(), object,
      [&](std::uint32_t r, const void* o) { return now_.references[r].object < o; });
}

std::vector<std::uint32_t>::const_iterator proofs::first_into(
    std::uint32_t goroutine) const noexcept {
  return std::lower_bound(
      by_target_.begin(), by_target_.end(), goroutine,
      [&](std::uint32_t r, std::uint32_t to) { return now_.references[r].into < to; });
}

std::size_t proofs::count(verdict v) const noexcept {
  return static_cast<std::size_t>(std::count(verdicts_.begin(), verdicts_.end(), v));
}

}  // namespace rt
TAUT_END_NAMESPACE
