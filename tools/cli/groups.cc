// SPDX-License-Identifier: Apache-2.0
// Goroutines put together.
#include "cli/groups.h"

#include <algorithm>
#include <unordered_map>

#include "cli/text.h"

namespace taut::cli {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool holds(const std::string& text, const std::string& part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

bool holds(const frame& f, const std::string& part) {
  return holds(f.function, part) || holds(place_text(f), part);
}

template <typename Key>
std::vector<goroutine_group> gather(const dump& d, const filter& f, order o, Key&& key) {
  std::vector<goroutine_group> groups;
  std::unordered_map<std::string, std::size_t> index;
  for (const goroutine& g : d.goroutines) {
    if (!f.empty() && !passes(f, d, g)) continue;
    const stack& s = d.stacks[g.stack];
    const auto [at, fresh] = index.try_emplace(key(g, s), groups.size());
    if (fresh) {
      goroutine_group group;
      group.state = g.state;
      group.leaked = g.leaked;
      group.locked = g.locked;
      group.where = &s;
      group.blocked = blocked_at(s);
      groups.push_back(std::move(group));
    }
    goroutine_group& group = groups[at->second];
    group.count += g.count;
    group.longest = std::max(group.longest, g.waited);
    if (g.waited >= 0 && (group.shortest < 0 || g.waited < group.shortest))
      group.shortest = g.waited;
    group.members.push_back(&g);
  }
  const auto place = [](const goroutine_group& g) {
    return g.blocked == nullptr ? std::string() : place_text(*g.blocked);
  };
  std::stable_sort(groups.begin(), groups.end(),
                   [&](const goroutine_group& a, const goroutine_group& b) {
                     switch (o) {
                       case order::count:
                         break;
                       case order::wait:
                         if (a.longest != b.longest) return a.longest > b.longest;
                         break;
                       case order::state:
                         if (a.state != b.state) return a.state < b.state;
                         break;
                       case order::place:
                         if (place(a) != place(b)) return place(a) < place(b);
                         break;
                     }
                     return a.count > b.count;
                   });
  return groups;
}

}  // namespace

std::string goroutine_group::state_text() const {
  std::string text = state.empty() ? "?" : printable(state);
  if (leaked) text += " (leaked)";
  if (locked) text += ", locked to thread";
  return text;
}

bool passes(const filter& f, const dump& d, const goroutine& g) {
  if (!f.state.empty() && !holds(g.state + (g.leaked ? " (leaked)" : ""), f.state)) return false;
  if (f.min_wait >= 0 && g.waited < f.min_wait) return false;
  if (f.match.empty()) return true;
  const stack& s = d.stacks[g.stack];
  if (holds(s.created, f.match) || holds(d.object_of(g), f.match)) return true;
  for (const auto& [key, value] : g.labels) {
    if (holds(key, f.match) || holds(value, f.match)) return true;
  }
  return std::any_of(s.frames.begin(), s.frames.end(),
                     [&](const frame& each) { return holds(each, f.match); });
}

std::vector<goroutine_group> by_stack(const dump& d, const filter& f, order o) {
  return gather(d, f, o, [](const goroutine& g, const stack&) {
    return std::to_string(g.stack) + (g.leaked ? "l" : "") + (g.locked ? "t" : "") +
           std::to_string(g.verdict) + g.state;
  });
}

std::vector<goroutine_group> by_place(const dump& d, const filter& f, order o) {
  return gather(d, f, o, [](const goroutine& g, const stack& s) {
    const frame* at = blocked_at(s);
    return (at == nullptr ? std::string() : at->function + '\n' + place_text(*at)) + '\n' +
           place_text(s.created) + '\n' + s.created.function + '\n' + (g.leaked ? "l" : "") +
           (g.locked ? "t" : "") + g.state;
  });
}

}  // namespace taut::cli
