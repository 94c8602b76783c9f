// SPDX-License-Identifier: Apache-2.0
#include "diag/wait_graph.h"

#include <algorithm>

#include "sched/wait_reason.h"
#include "sync/owner.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

// Enough to find a circle, and a bound for a hundred thousand that wait at one channel.
constexpr std::uint32_t most_edges = 16;
constexpr std::size_t most_references = 128;

std::uint8_t kind_of(wait_reason r) noexcept {
  switch (r) {
    case wait_reason::mutex_lock:
    case wait_reason::rwmutex_rlock:
      return wait_kind::lock;
    case wait_reason::rwmutex_lock:
      return wait_kind::readers;
    case wait_reason::chan_send:
    case wait_reason::chan_receive:
    case wait_reason::select:
      return wait_kind::channel;
    case wait_reason::wait_group_wait:
    case wait_reason::scope_join:
      return wait_kind::group;
    case wait_reason::cond_wait:
      return wait_kind::condition;
    case wait_reason::semacquire:
    case wait_reason::scope_enter:
      return wait_kind::semaphore;
    default:
      return 0;
  }
}

bool allows(reference_kind k, bool sends) noexcept {
  return k == reference_kind::handle_both ||
         k == (sends ? reference_kind::handle_send : reference_kind::handle_receive);
}

// It waits at the same side of the same channel: it does not help.
bool waits_beside(const snapshot& s, std::uint32_t g, const void* channel, bool sends) noexcept {
  bool beside = false;
  s.for_each_case(s.goroutines[g], [&](const case_record& c) {
    beside = beside || (c.channel == channel && c.sends == sends);
  });
  return beside;
}

}  // namespace

wait_graph::wait_graph(const proofs& verdicts)
    : verdicts_(verdicts), s_(verdicts.seen()), nodes_(s_.goroutines.size()) {
  for (std::uint32_t g = 0; g < nodes_.size(); ++g) {
    if (stuck(g) && s_.goroutines[g].bound_to != nullptr) members_.push_back(g);
  }
  std::sort(members_.begin(), members_.end(),
            [&](auto a, auto b) { return s_.goroutines[a].bound_to < s_.goroutines[b].bound_to; });
  for (std::uint32_t g = 0; g < nodes_.size(); ++g) {
    nodes_[g].first_edge = static_cast<std::uint32_t>(targets_.size());
    if (stuck(g)) add_edges(g);
  }
  find_circles();
}

void wait_graph::add_edge(std::uint32_t from, std::uint32_t to) {
  node& n = nodes_[from];
  if (!stuck(to) || n.edges == most_edges) return;
  const auto first = targets_.begin() + n.first_edge;
  if (std::find(first, targets_.end(), to) != targets_.end()) return;
  targets_.push_back(to);
  ++n.edges;
}

void wait_graph::add_channel_edges(std::uint32_t g, const void* channel, bool sends) {
  auto add = [&](std::uint32_t to) {
    if (to != g && !waits_beside(s_, to, channel, sends)) add_edge(g, to);
  };
  verdicts_.for_each_reference(channel, most_references, [&](std::uint32_t by, reference_kind k) {
    if (!allows(k, !sends)) return;
    add(by);
    // Who points into a stack may use the handles there.
    verdicts_.for_each_pointing_into(by, most_edges, add);
  });
  // Handles in the heap are on nobody's stack; who used the channel last may have them.
  const channel_record* c = s_.channel(channel);
  if (c == nullptr || (sends ? c->receivers : c->senders) == 0) return;
  const std::uint32_t last = s_.find((sends ? c->last_receive : c->last_send).goroutine);
  if (last != none) add(last);
}

void wait_graph::add_edges(std::uint32_t g) {
  const goroutine_record& from = s_.goroutines[g];
  switch (kind_of(from.reason)) {
    case wait_kind::lock: {
      const std::uint32_t owner = verdicts_.owner_of(g);
      if (owner != none) add_edge(g, owner);
      return;
    }
    case wait_kind::readers: {
      const proofs::reader_list readers = verdicts_.readers_of(g);
      for (std::size_t i = 0; i < readers.count; ++i) {
        const std::uint32_t reader = s_.find_owner(readers.ids[i]);
        if (reader != none) add_edge(g, reader);
      }
      return;
    }
    case wait_kind::channel:
      s_.for_each_case(from, [&](const case_record& c) {
        if (c.channel != nullptr) add_channel_edges(g, c.channel, c.sends);
      });
      return;
    case 0:
      return;
    default:
      break;
  }
  const object_record* o = s_.object(from.object);
  if (o == nullptr) return;
  if (from.reason == wait_reason::scope_join && o->readable) {
    // A scope begins with the context that its members are bound to.
    const auto* context = reinterpret_cast<const void*>(o->words[0]);
    auto m =
        std::lower_bound(members_.begin(), members_.end(), context,
                         [&](auto a, const void* to) { return s_.goroutines[a].bound_to < to; });
    for (; m != members_.end() && s_.goroutines[*m].bound_to == context; ++m) add_edge(g, *m);
    return;
  }
  auto add = [&](std::uint32_t to) {
    if (to != g && s_.goroutines[to].object != from.object) add_edge(g, to);
  };
  verdicts_.for_each_reference(from.object, most_references,
                               [&](std::uint32_t by, reference_kind) { add(by); });
  if (o->host != none) add(o->host);
}

// Tarjan's strongly connected components, with a stack of its own.
void wait_graph::find_circles() {
  struct frame {
    std::uint32_t g, edge;
  };
  std::vector<std::uint32_t> order(nodes_.size(), none), low(nodes_.size());
  std::vector<std::uint32_t> open;
  std::vector<frame> path;
  std::uint32_t next = 0;
  for (std::uint32_t root = 0; root < nodes_.size(); ++root) {
    if (!stuck(root) || order[root] != none) continue;
    path.push_back({root, 0});
    while (!path.empty()) {
      auto& [g, edge] = path.back();
      node& n = nodes_[g];
      if (edge == 0) {
        order[g] = low[g] = next++;
        open.push_back(g);
      }
      if (edge < n.edges) {
        const std::uint32_t to = targets_[n.first_edge + edge++];
        if (order[to] == none) {
          path.push_back({to, 0});
        } else if (nodes_[to].circle == none) {
          low[g] = std::min(low[g], order[to]);
        }
        continue;
      }
      const std::uint32_t done = g;
      path.pop_back();
      if (!path.empty()) low[path.back().g] = std::min(low[path.back().g], low[done]);
      if (low[done] != order[done]) continue;
      const auto number = static_cast<std::uint32_t>(circle_kinds_.size());
      std::uint8_t kinds = 0;
      std::size_t members = 0;
      for (std::uint32_t m = none; m != done; ++members) {
        m = open.back();
        open.pop_back();
        nodes_[m].circle = number;
        kinds |= kind_of(s_.goroutines[m].reason);
      }
      const auto own = targets_.begin() + nodes_[done].first_edge;
      const bool itself =
          std::find(own, own + nodes_[done].edges, done) != own + nodes_[done].edges;
      circle_kinds_.push_back(members > 1 || itself ? kinds : 0);
    }
  }
  for (std::uint32_t g = 0; g < nodes_.size(); ++g) {
    if (!stuck(g) || kind_of(s_.goroutines[g].reason) != wait_kind::lock) continue;
    for (std::uint32_t i = 0; i < nodes_[g].edges; ++i) {
      const std::uint32_t owner = targets_[nodes_[g].first_edge + i];
      if (same_circle(g, owner)) nodes_[owner].lock_waiter = g;
    }
  }
}

std::uint8_t wait_graph::circle_of(std::uint32_t g) const noexcept {
  return nodes_[g].circle == none ? std::uint8_t{0} : circle_kinds_[nodes_[g].circle];
}

std::uint32_t wait_graph::partner_of(std::uint32_t g) const noexcept {
  const node& n = nodes_[g];
  for (std::uint32_t i = 0; i < n.edges; ++i) {
    const std::uint32_t to = targets_[n.first_edge + i];
    if (same_circle(g, to)) return to;
  }
  return n.edges == 0 ? none : targets_[n.first_edge];
}

std::uint32_t wait_graph::lock_waiter_of(std::uint32_t g) const noexcept {
  return nodes_[g].lock_waiter;
}

}  // namespace rt
TAUT_END_NAMESPACE
