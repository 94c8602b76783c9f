// SPDX-License-Identifier: Apache-2.0
// taut top: what grows, live.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "cli/error.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace taut::cli {
namespace {

using clock = std::chrono::steady_clock;

constexpr double window = 10;                       // seconds that a rate is taken over
constexpr auto patience = std::chrono::seconds(1);  // before it is said that no answer comes

struct place_count {
  std::string state;
  frame blocked;
  std::uint64_t count = 0;
};

struct sample {
  clock::time_point at;
  std::uint64_t total = 0;
  std::map<std::string, place_count> places;
};

sample take_sample(source& from) {
  // Of a request's time, the end is when the counts were true, more or less.
  const dump d = from.read(detail::cheap);
  sample s;
  s.at = clock::now();
  s.total = d.total();
  for (const goroutine& g : d.goroutines) {
    const frame* at = blocked_at(d.stacks[g.stack]);
    const frame where = at == nullptr ? frame() : *at;
    place_count& p = s.places[where.function + '\n' + place_text(where) + '\n' + g.state];
    if (p.count == 0) {
      p.state = g.state;
      p.blocked = where;
    }
    p.count += g.count;
  }
  return s;
}

std::string signed_text(double n, const char* unit) {
  if (std::fabs(n) < 0.05) return std::string("0") + unit;
  char text[48];
  std::snprintf(text, sizeof text, std::fabs(n) < 10 ? "%+.1f%s" : "%+.0f%s", n, unit);
  return text;
}

// The samples of the last seconds, and the first one.
class history {
 public:
  void add(sample s) {
    if (!first_) first_ = s;
    recent_.push_back(std::move(s));
    while (recent_.size() > 2 && seconds_between(recent_[1], recent_.back()) >= window)
      recent_.pop_front();
  }

  bool empty() const { return recent_.empty(); }
  const sample& now() const { return recent_.back(); }
  double seconds() const { return seconds_between(*first_, now()); }
  bool has_rate() const { return recent_.size() > 1; }

  double rate() const { return per_second(recent_.front().total, now().total); }
  double rate(const std::string& key) const {
    return per_second(count(recent_.front(), key), count(now(), key));
  }
  std::int64_t growth() const { return difference(first_->total, now().total); }
  std::int64_t growth(const std::string& key) const {
    return difference(count(*first_, key), count(now(), key));
  }

 private:
  static double seconds_between(const sample& a, const sample& b) {
    return std::chrono::duration<double>(b.at - a.at).count();
  }
  static std::uint64_t count(const sample& s, const std::string& key) {
    const auto at = s.places.find(key);
    return at == s.places.end() ? 0 : at->second.count;
  }
  static std::int64_t difference(std::uint64_t a, std::uint64_t b) {
    return static_cast<std::int64_t>(b) - static_cast<std::int64_t>(a);
  }
  double per_second(std::uint64_t a, std::uint64_t b) const {
    const double s = seconds_between(recent_.front(), now());
    return s > 0 ? static_cast<double>(difference(a, b)) / s : 0;
  }

  std::optional<sample> first_;
  std::deque<sample> recent_;
};

using row = std::pair<const std::string, place_count>;

std::vector<const row*> sorted_rows(const history& h, bool by_growth) {
  std::vector<const row*> rows;
  for (const row& r : h.now().places) rows.push_back(&r);
  std::stable_sort(rows.begin(), rows.end(), [&](const row* a, const row* b) {
    if (by_growth) {
      const double ra = h.rate(a->first), rb = h.rate(b->first);
      if (ra != rb) return ra > rb;
    }
    return a->second.count > b->second.count;
  });
  return rows;
}

std::string table_text(const history& h, const arguments& a, std::size_t width, std::size_t rows) {
  const bool rated = h.has_rate();
  std::vector<column> columns{{"COUNT", true}};
  if (rated) {
    columns.push_back({"PER S", true, false, 1});
    columns.push_back({"GROWN", true, false, 2});
  }
  columns.push_back({"STATE", false, true, 3});
  columns.push_back({"BLOCKED AT", false, true});
  columns.push_back({"IN", false, true, 4});
  table t(columns);
  for (const row* r : sorted_rows(h, a.by_growth)) {
    if (rows != 0 && t.rows() == rows) break;
    std::vector<std::string> cells{grouped(r->second.count)};
    if (rated) {
      cells.push_back(signed_text(h.rate(r->first), ""));
      cells.push_back(change_text(h.growth(r->first)));
    }
    cells.push_back(r->second.state.empty() ? "?" : printable(r->second.state));
    cells.push_back(printable(short_place_text(r->second.blocked)));
    cells.push_back(printable(r->second.blocked.function));
    t.add(std::move(cells));
  }
  return t.text(width, a.how.colours);
}

std::string head_text(const history& h, const std::string& name) {
  std::string text =
      name + "  " + grouped(h.now().total) + (h.now().total == 1 ? " goroutine" : " goroutines");
  if (h.has_rate())
    text += "  " + signed_text(h.rate(), "/s") + "  " +
            (h.growth() == 0 ? "no change" : change_text(h.growth())) + " in " +
            duration_text(static_cast<std::int64_t>(h.seconds() * 1e9));
  return text;
}

std::string json_text(const history& h, const std::string& name) {
  using nlohmann::json;
  json places = json::array();
  for (const row* r : sorted_rows(h, false)) {
    const frame& f = r->second.blocked;
    places.push_back({{"count", r->second.count},
                      {"state", r->second.state},
                      {"blocked", {{"function", f.function}, {"file", f.file}, {"line", f.line}}}});
  }
  const json all = {{"source", name}, {"goroutines", h.now().total}, {"places", std::move(places)}};
  return all.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

int once(source& from, const arguments& a) {
  history h;
  h.add(take_sample(from));
  if (a.how.json) {
    print(json_text(h, from.name()));
  } else {
    print(head_text(h, from.name()) + "\n\n" + table_text(h, a, a.how.width, 0));
  }
  return nothing_found;
}

// Asks on a thread of its own, so that the keys are looked at meanwhile.
class question {
 public:
  question(source& from, live_screen& screen) : since_(clock::now()) {
    // The thread is left alone with its answer when nobody waits for it any more.
    thread_ = std::thread([&from, &screen, answer = answer_] {
      try {
        answer->got = take_sample(from);
      } catch (const user_error& e) {
        answer->trouble = e.what();
      } catch (...) {
        answer->unexpected = std::current_exception();
      }
      answer->done.store(true);
      screen.wake();
    });
  }
  question(const question&) = delete;
  question& operator=(const question&) = delete;
  ~question() {
    if (thread_.joinable()) thread_.detach();
  }

  bool answered() const { return answer_->done.load(); }
  std::chrono::seconds waited() const {
    return std::chrono::duration_cast<std::chrono::seconds>(clock::now() - since_);
  }
  // Once it is answered. Throws user_error.
  sample take() {
    thread_.join();
    if (answer_->unexpected) std::rethrow_exception(answer_->unexpected);
    if (!answer_->got) throw user_error(answer_->trouble);
    return std::move(*answer_->got);
  }

 private:
  struct answer {
    std::atomic<bool> done{false};
    std::optional<sample> got;
    std::string trouble;
    std::exception_ptr unexpected;
  };
  clock::time_point since_;
  std::shared_ptr<answer> answer_ = std::make_shared<answer>();
  std::thread thread_;
};

// What the last line says.
std::string foot_text(const history& h, std::size_t rows, const std::string& trouble,
                      const question* asked) {
  if (asked != nullptr && asked->waited() >= patience)
    return "no answer for " + std::to_string(asked->waited().count()) + "s; q quits";
  if (!trouble.empty()) return trouble;
  const std::size_t all = h.now().places.size();
  return all > rows ? "q quits; " + grouped(all - rows) + " more places" : "q quits";
}

int live(source& from, const arguments& a) {
  history h;
  h.add(take_sample(from));  // before the screen is taken: what is wrong is then said plainly
  std::string trouble;
  std::optional<live_screen> screen(std::in_place);
  std::optional<question> asked;
  const auto every = std::chrono::nanoseconds(a.every);
  auto next = clock::now() + every;
  while (true) {
    const screen_size size = terminal_size();
    const auto fit = [&](const std::string& text) { return shorten(text, size.columns); };
    // Title, empty line, titles of columns; the line at the bottom.
    const std::size_t rows = size.rows > 6 ? size.rows - 5 : 1;
    std::string text = a.how.colours.bold(fit(head_text(h, from.name()))) + "\n\n" +
                       table_text(h, a, size.columns, rows);
    const bool well = trouble.empty() && (!asked || asked->waited() < patience);
    const std::string foot = fit(foot_text(h, rows, trouble, asked ? &*asked : nullptr));
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    if (lines + 1 < size.rows) text.append(size.rows - 1 - lines, '\n');
    screen->draw(text + (well ? a.how.colours.faint(foot) : a.how.colours.red(foot)));

    // While an answer is awaited, the seconds are counted.
    const auto left =
        asked ? std::chrono::milliseconds(patience)
              : std::chrono::duration_cast<std::chrono::milliseconds>(next - clock::now());
    const auto event =
        screen->wait(static_cast<int>(std::clamp<long long>(left.count(), 1, 1 << 30)));
    if (event == live_screen::event::quit) {
      if (!asked || asked->answered()) return nothing_found;
      // A request cannot be called back, and must not use what the end of main() takes away.
      screen.reset();
      std::_Exit(nothing_found);
    }
    if (asked && asked->answered()) {
      try {
        h.add(asked->take());
        trouble.clear();
      } catch (const user_error& e) {
        trouble = std::string(e.what()) + " Trying again.";
      }
      asked.reset();
      next = clock::now() + every;
    } else if (!asked && clock::now() >= next) {
      asked.emplace(from, *screen);
    }
  }
}

}  // namespace

int top_verb(const arguments& a) {
  source_options reading = a.reading;
  if (!a.timeout_given) reading.timeout = 5'000'000'000;
  const auto from = open_source(a.sources.front(), reading);
  if (a.once || a.how.json || !output_is_terminal() || ::isatty(0) == 0) return once(*from, a);
  if (!from->live())
    throw user_error("top watches a running service, but " + from->name() +
                     " does not change; use taut goroutines, or top --once.");
  return live(*from, a);
}

}  // namespace taut::cli
