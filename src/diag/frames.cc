// SPDX-License-Identifier: Apache-2.0
#include "diag/frames.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "diag/safe_memory.h"
#include "diag/sites.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

// As Go hides its runtime's functions: what the reader did not write and cannot change.
bool is_runtime_function(std::string_view function) noexcept {
  for (std::string_view prefix :
       {"taut::rt::", "taut::detail::", "taut_switch", "taut_context_", "std::__invoke",
        "std::invoke", "std::__apply", "std::apply", "__clone", "start_thread"}) {
    if (function.starts_with(prefix)) return true;
  }
  return false;
}

// Inlined calls are known by their last name only, so files tell what is ours.
bool is_ours(std::string_view file) noexcept {
  constexpr std::string_view here = __FILE__, tail = "diag/frames.cc";
  static_assert(here.ends_with(tail));
  return file.starts_with(here.substr(0, here.size() - tail.size())) ||
         file.find("/include/taut/") != file.npos;
}

// As the compiler writes it for a reader, with a lambda's place for its name.
//   g++    void {anonymous}::f(T) [with T = int]   main()::<lambda(int)>
//   clang  void (anonymous namespace)::f(T) [T = int]
//          auto main()::(anonymous class)::operator()(int) const
std::string function_of_site(std::string written) {
  written.resize(std::min(written.size(), written.find(" [")));
  constexpr std::string_view unnamed = "{anonymous}";
  for (std::size_t at; (at = written.find(unnamed)) != written.npos;)
    written.replace(at, unnamed.size(), "(anonymous namespace)");
  for (std::string_view lambda : {"<lambda(", "(anonymous class)::operator()("}) {
    for (std::size_t at; (at = written.find(lambda)) != written.npos;) {
      std::size_t end = at + lambda.size();
      for (int depth = 1; depth != 0 && end < written.size(); ++end)
        depth += written[end] == '(' ? 1 : written[end] == ')' ? -1 : 0;
      if (lambda.front() == '<' && end < written.size()) ++end;
      written.replace(at, end - at, "{lambda}");
    }
  }
  // The linker does not say main's own parameters.
  for (std::string_view own : {"main()::", "main(int, char**)::"}) {
    const std::size_t at = written.starts_with("int ") ? 4 : 0;
    if (written.compare(at, own.size(), own) == 0) written.erase(at + 4, own.size() - 6);
  }
  return short_function(written);
}

}  // namespace

const std::vector<named_frame>& frame_namer::at(std::uintptr_t return_address) {
  auto [found, fresh] = frames_.try_emplace(return_address);
  if (!fresh) return found->second;
  const std::vector<symbol_frame> symbols = symbolize(return_address);
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const symbol_frame& from = symbols[i];
    named_frame f;
    f.function = short_function(from.function);
    if (from.inlined && f.function == "operator()") {
      std::string lambda = lambda_in(symbols.back().symbol);
      if (!lambda.empty()) f.function = std::move(lambda);
    }
    f.file = from.file.empty() ? std::string() : short_path(from.file);
    f.line = from.line;
    f.entry = from.entry;
    f.linked = from.linked;
    f.path = from.file;
    if (from.entry != 0 && !from.inlined && return_address > from.entry)
      f.offset = return_address - from.entry;
    f.ours = is_ours(from.file);
    f.system = is_system(from.file);
    const bool users_call_it = f.function.starts_with("taut::") &&
                               !f.function.ends_with("{lambda}") &&
                               f.function.find("(anonymous namespace)") == f.function.npos;
    f.hidden = is_runtime_function(f.function) || (f.ours && !users_call_it);
    found->second.push_back(std::move(f));
  }
  return found->second;
}

std::vector<const named_frame*> frame_namer::frames_of(const snapshot& s,
                                                       const goroutine_record& g) {
  std::vector<const named_frame*> all;
  for (std::uint32_t i = 0; i < g.frames; ++i) {
    for (const named_frame& f : at(s.frames[g.first_frame + i])) all.push_back(&f);
  }
  return all;
}

std::vector<const named_frame*> frame_namer::shown_frames_of(const snapshot& s,
                                                             const goroutine_record& g) {
  std::vector<const named_frame*> all = frames_of(s, g);
  std::vector<const named_frame*> shown;
  for (const named_frame* f : all) {
    if (!f->hidden) shown.push_back(f);
  }
  return shown.empty() ? all : shown;
}

bool frame_namer::is_runtime(site where) { return known(where).ours; }

bool frame_namer::is_system(std::string_view file) noexcept {
  return file.starts_with("/usr/include/") || file.starts_with("/usr/lib/") ||
         file.find("/include/c++/") != file.npos;
}

const frame_namer::known_site& frame_namer::known(site where) {
  auto [found, fresh] = sites_.try_emplace(where.data);
  if (fresh) {
    const detail::site_data d = read_site(where);
    const std::string file = read_text(d.file);
    if (!file.empty()) {
      found->second.place = {short_path(file), static_cast<int>(d.line), {}};
      found->second.function = function_of_site(read_text(d.function));
      found->second.ours = is_ours(file);
    }
  }
  return found->second;
}

const code_place& frame_namer::place_of(site where) { return known(where).place; }

std::string frame_namer::place(site where) {
  const code_place& p = place_of(where);
  return p.file.empty() ? "?" : p.file + ":" + std::to_string(p.line);
}

}  // namespace rt
TAUT_END_NAMESPACE
