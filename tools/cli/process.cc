// SPDX-License-Identifier: Apache-2.0
// Processes and core files as sources, read without their cooperation: wedged, stopped or dead.
#include <algorithm>
#include <optional>
#include <string_view>

#include "cli/debug_table_reader.h"
#include "cli/error.h"
#include "cli/frame_walker.h"
#include "cli/parse.h"
#include "cli/process_memory.h"
#include "cli/source.h"

namespace taut::cli {
namespace {

bool begins(const frame& f, std::string_view prefix) { return f.function.starts_with(prefix); }

// As libtaut's own dumps: what the reader did not write and cannot change is left out. `root`:
// where libtaut's sources were.
bool is_hidden(const frame& f, const std::string& root) {
  for (std::string_view prefix :
       {"taut::rt::", "taut::detail::", "taut_switch", "taut_context_", "std::__invoke",
        "std::invoke", "std::__apply", "std::apply", "__clone", "start_thread", "__restore_rt"}) {
    if (begins(f, prefix)) return true;
  }
  const bool ours =
      (!root.empty() && f.file.starts_with(root)) || f.file.find("/include/taut/") != f.file.npos;
  return ours && (!begins(f, "taut::") || f.function.ends_with("{lambda}"));
}

// Every goroutine's outermost frame tells.
std::string root_of(const std::vector<frame>& frames) {
  constexpr std::string_view tail = "sched/spawn.cc";
  for (const frame& f : frames) {
    if (f.function == "taut_context_main" && f.file.ends_with(tail))
      return f.file.substr(0, f.file.size() - tail.size());
  }
  return {};
}

// What libtaut's own text says in the place of a function, for only the place is known.
std::string stem_of(const std::string& file) {
  const std::string name = file.substr(file.rfind('/') + 1);
  return name.substr(0, name.find('.'));
}

class memory_source final : public source {
 public:
  memory_source(std::unique_ptr<process_memory> memory, std::string name)
      : memory_(std::move(memory)),
        name_(std::move(name)),
        table_(*memory_, name_),
        walker_(*memory_, table_.machine()) {}

  dump read(detail wanted) override {
    const debug_table::answer all = table_.read();
    if (all.goroutines.empty() && all.unreadable != 0)
      throw user_error("the goroutines of " + name_ +
                       " cannot be read: the core is truncated or lacks anonymous memory; get a "
                       "whole one (see coredump_filter in `man 5 core`).");
    dump d;
    d.source = name_;
    d.truncated = all.unreadable != 0;
    d.waits_at_least = !all.now_is_exact;
    without_stack_ = 0;
    for (const table_goroutine& g : all.goroutines)
      d.goroutines.push_back(convert(d, all, g, wanted));
    if (without_stack_ != 0 && !memory_->live())
      d.notes.push_back("the stacks of " + std::to_string(without_stack_) +
                        " goroutines are not in this core: gcore stops at the guard pages between "
                        "stacks (Linux 6.13 and newer); write it with gcore-goroutines in GDB, or "
                        "let the kernel write it.");
    return d;
  }
  std::string read_raw() override;
  leak_answer read_leaks() override {
    leak_answer answer;
    answer.goroutines = read(detail::full);
    answer.note =
        "memory does not show who could still wake whom; give the URL of the running service, or "
        "a goroutineleak profile that it saved.";
    return answer;
  }
  bool live() const override { return memory_->live(); }
  const std::string& name() const override { return name_; }

 private:
  goroutine convert(dump& d, const debug_table::answer& all, const table_goroutine& from,
                    detail wanted) {
    goroutine g;
    g.id = from.id;
    g.parent = from.parent;
    g.locked = from.pinned;
    g.state = from.waits ? from.reason : from.state == "blocking" ? "syscall" : from.state;
    if (from.waits) g.waited = std::max<std::int64_t>(all.now - from.since, 0);
    if (!from.name.empty()) g.labels.emplace_back("name", from.name);
    g.labels.insert(g.labels.end(), from.labels.begin(), from.labels.end());
    std::sort(g.labels.begin(), g.labels.end());
    if (wanted == detail::full) {
      if (std::string text = table_.object_text(from, walker_); !text.empty()) {
        d.objects.push_back(std::move(text));
        g.object = static_cast<std::uint32_t>(d.objects.size());
      }
    }
    stack s = stack_of(from);
    // The program's own start of its first goroutine is no place of interest.
    if (const table_site& at = from.created;
        !at.file.empty() && !at.file.ends_with("/sched/runtime.cc"))
      s.created = {{}, at.file, at.line};
    g.stack = d.intern(std::move(s));
    return g;
  }

  stack stack_of(const table_goroutine& g) {
    std::vector<std::uint64_t> pcs;
    thread_registers registers;
    if (g.thread != 0) {
      memory_->look_at_thread(g.thread, [&](const thread_registers& r) {
        pcs = walker_.walk_running(r, g.stack_low, g.stack_high);
      });
    }
    if (pcs.empty() && (g.waits || g.state == "runnable")) {
      if (table_.saved_registers(g, registers)) {
        pcs = walker_.walk_parked(registers, g.stack_high);
      } else {
        ++without_stack_;
      }
      // It ran meanwhile: what was read is of two times.
      if (!table_.unchanged(g)) pcs.clear();
    }
    stack s;
    std::vector<frame> all;
    walker_.name(pcs, all);
    const std::string root = root_of(all);
    for (const frame& f : all) {
      if (!is_hidden(f, root)) s.frames.push_back(f);
    }
    if (s.frames.empty()) s.frames = std::move(all);
    // It noted where it waits.
    if (s.frames.empty() && g.waits && !g.waits_at.file.empty())
      s.frames.push_back({{}, g.waits_at.file, g.waits_at.line});
    s.unavailable = s.frames.empty();
    return s;
  }

  std::unique_ptr<process_memory> memory_;
  std::string name_;
  debug_table table_;
  frame_walker walker_;
  std::size_t without_stack_ = 0;  // that should have one, of the last read
};

// Go's debug=2 text.
std::string memory_source::read_raw() {
  constexpr std::int64_t minute = 60'000'000'000;
  const dump d = read(detail::full);
  std::string text;
  auto token = [](const std::string& t) {
    std::string quoted = "\"";
    for (char c : t) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
    return quoted + "\"";
  };
  for (const goroutine& g : d.goroutines) {
    if (!text.empty()) text += '\n';
    text += "goroutine " + std::to_string(g.id) + " [" + g.state;
    if (g.waited >= minute) text += ", " + std::to_string(g.waited / minute) + " minutes";
    if (g.locked) text += ", locked to thread";
    text += "]";
    for (std::size_t i = 0; i < g.labels.size(); ++i)
      text += (i == 0 ? " {" : ", ") + token(g.labels[i].first) + ": " + token(g.labels[i].second);
    text += g.labels.empty() ? ":\n" : "}:\n";
    const stack& s = d.stacks[g.stack];
    if (s.unavailable) text += "\tgoroutine running on other thread; stack unavailable\n";
    for (const frame& f : s.frames) {
      text += (f.function.empty() ? "?" : f.function) + "(...)\n\t" +
              (f.file.empty() ? "?" : f.file) + ":" + std::to_string(f.line) + "\n";
    }
    if (!s.created.file.empty()) {
      text += "created by " + stem_of(s.created.file);
      if (g.parent != 0) text += " in goroutine " + std::to_string(g.parent);
      text += "\n\t" + s.created.file + ":" + std::to_string(s.created.line) + "\n";
    }
  }
  return text;
}

}  // namespace

std::unique_ptr<source> open_process(std::uint64_t pid) {
  return std::make_unique<memory_source>(open_process_memory(pid),
                                         "process " + std::to_string(pid));
}

std::unique_ptr<source> open_core(const std::string& path) {
  return std::make_unique<memory_source>(open_core_memory(path), path);
}

}  // namespace taut::cli
