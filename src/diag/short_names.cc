// SPDX-License-Identifier: Apache-2.0
// The short forms of paths and of demangled names.
#include <algorithm>
#include <filesystem>
#include <utility>

#include "diag/symbolize.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

using std::string_view;

// Parameters of an enclosing function longer than this become "(...)".
constexpr std::size_t short_parameters = 24;

void replace_all(std::string& text, string_view from, string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

bool drop_suffix(std::string& text, string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.erase(text.size() - suffix.size());
  return true;
}

bool part_of_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$';
}

// If an operator is named at `at`, the length of "operator" and its symbol, such as operator<<.
// Of a conversion or a literal operator only the word.
std::size_t operator_at(string_view text, std::size_t at) {
  constexpr string_view word = "operator";
  if (!text.substr(at).starts_with(word) || (at > 0 && part_of_name(text[at - 1]))) return 0;
  string_view rest = text.substr(at + word.size());
  for (string_view symbol : {"<=>", "<<=", ">>=", "->*", "()", "[]", "<<", ">>", "<=", ">=", "->"})
    if (rest.starts_with(symbol)) return word.size() + symbol.size();
  if (rest.empty() || part_of_name(rest[0])) return 0;
  return rest[0] == '<' || rest[0] == '>' ? word.size() + 1 : word.size();
}

// Leaves template arguments out, at every depth.
std::string without_templates(string_view text) {
  std::string kept;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (std::size_t length = operator_at(text, i); length != 0) {
      if (depth == 0) kept += text.substr(i, length);
      i += length - 1;
    } else if (text[i] == '<') {
      ++depth;
    } else if (text[i] == '>' && depth > 0) {
      // An arrow is no bracket: decltype(a->b), or a lambda's trailing type.
      if (text[i - 1] != '-') --depth;
    } else if (depth == 0) {
      kept += text[i];
    }
  }
  return depth == 0 ? kept : std::string(text);
}

// Where the parenthesis that `text` ends with was opened; npos: it does not end with one.
std::size_t last_group(string_view text) {
  if (!text.ends_with(')')) return string_view::npos;
  int depth = 0;
  for (std::size_t i = text.size(); i-- > 0;) {
    if (text[i] == ')') ++depth;
    if (text[i] == '(' && --depth == 0) return i;
  }
  return string_view::npos;
}

void drop_qualifiers(std::string& text) {
  for (bool again = true; again;) {
    again = false;
    for (string_view suffix : {" const", " volatile", " &", " &&", " noexcept"})
      again = drop_suffix(text, suffix) || again;
    if (text.ends_with(']')) {  // [clone .cold], [abi:cxx11]
      std::size_t open = text.rfind('[');
      if (open == std::string::npos || text.substr(open) == "[]") break;
      text.erase(open);
      drop_suffix(text, " ");
      again = true;
    }
  }
}

// {lambda(auto:1)#2} and clang's $_2 are {lambda}; parameters of enclosing functions stay if short.
std::string shorten_groups(string_view text) {
  std::string kept;
  for (std::size_t i = 0; i < text.size(); ++i) {
    string_view rest = text.substr(i);
    if (rest.starts_with("{lambda")) {
      int depth = 0;
      std::size_t end = i;
      for (; end < text.size(); ++end) {
        if (text[end] == '{') ++depth;
        if (text[end] == '}' && --depth == 0) break;
      }
      kept += "{lambda}";
      i = end;
    } else if (rest.starts_with("$_") || rest.starts_with("'lambda")) {
      std::size_t end = text.find("::", i);
      kept += "{lambda}";
      i = (end == string_view::npos ? text.size() : end) - 1;
    } else if (rest.starts_with("(anonymous namespace)")) {
      kept += "(anonymous namespace)";
      i += string_view("(anonymous namespace)").size() - 1;
    } else if (rest[0] == '(') {
      int depth = 0;
      std::size_t end = i;
      for (; end < text.size(); ++end) {
        if (text[end] == '(') ++depth;
        if (text[end] == ')' && --depth == 0) break;
      }
      string_view group = text.substr(i, end + 1 - i);
      kept += group.size() > short_parameters ? "(...)" : group;
      i = end;
    } else {
      kept += rest[0];
    }
  }
  return kept;
}

// A lambda in a lambda is in the outer one's operator()(...) const.
void drop_calls_between_lambdas(std::string& text) {
  constexpr string_view call = "{lambda}::operator()(";
  for (std::size_t at = 0; (at = text.find(call, at)) != std::string::npos;) {
    const std::size_t from = at + string_view("{lambda}").size();
    std::size_t end = at + call.size() - 1;
    for (int depth = 0; end < text.size(); ++end) {
      if (text[end] == '(') ++depth;
      if (text[end] == ')' && --depth == 0) break;
    }
    const std::size_t next = text.find("::{lambda}", end);
    if (next == std::string::npos) break;
    text.erase(from, next - from);
    at = from;
  }
}

// Function templates are demangled with their return type in front: what stands before the last
// space outside brackets. The word operator may be followed by a type with spaces.
void drop_return_type(std::string& text) {
  int depth = 0;
  std::size_t name = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(' || text[i] == '{') ++depth;
    if (text[i] == ')' || text[i] == '}') --depth;
    if (depth != 0) continue;
    bool whole = i == 0 || !part_of_name(text[i - 1]);
    if (whole && string_view(text).substr(i).starts_with("operator")) break;
    if (text[i] == ' ') name = i + 1;
  }
  text.erase(0, name);
  while (!text.empty() && (text[0] == '*' || text[0] == '&')) text.erase(0, 1);
}

bool cut(string_view& file, string_view directory) {
  while (directory.ends_with('/')) directory.remove_suffix(1);
  if (directory.empty() || file.size() <= directory.size() + 1 || !file.starts_with(directory) ||
      file[directory.size()] != '/')
    return false;
  file.remove_prefix(directory.size() + 1);
  return true;
}

// Where the template argument that begins at `at` ends.
std::size_t argument_end(string_view text, std::size_t at) {
  int depth = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '<' || c == '(' || c == '{') ++depth;
    if (c == ')' || c == '}' || (c == '>' && text[at - 1] != '-')) --depth;
    if (depth < 0 || (depth == 0 && c == ',')) break;
  }
  return at;
}

}  // namespace

std::string lambda_in(string_view demangled) {
  for (std::size_t at = 0; at < demangled.size(); ++at) {
    if (demangled[at] != '<' && demangled[at] != ',') continue;
    std::size_t begin = at + 1;
    while (begin < demangled.size() && demangled[begin] == ' ') ++begin;
    std::string argument(demangled.substr(begin, argument_end(demangled, begin) - begin));
    drop_qualifiers(argument);
    const bool ours = argument.starts_with("taut::") || argument.starts_with("std::");
    const std::size_t name = argument.rfind("{lambda(");
    const bool lambda = argument.ends_with('}') && name != std::string::npos &&
                        argument_end(argument, name) == argument.size();
    const bool clang_lambda = argument.rfind("::$_") != std::string::npos;
    if (!ours && (lambda || clang_lambda)) return short_function(argument + "::operator()()");
  }
  return {};
}

std::string short_path(string_view file) {
  std::error_code failed;
  std::string here = std::filesystem::current_path(failed).string();
  if (failed || !cut(file, here)) {
#ifdef TAUT_SOURCE_ROOT
    cut(file, TAUT_SOURCE_ROOT);
#endif
  }
  return std::string(file);
}

std::string short_function(string_view demangled) {
  std::string text = without_templates(demangled);
  replace_all(text, "std::__cxx11::", "std::");
  replace_all(text, "taut::v0::", "taut::");
  replace_all(text, "[abi:cxx11]", "");
  drop_qualifiers(text);
  std::size_t open = last_group(text);
  if (open != string_view::npos && open > 0 && !text.ends_with("operator()") &&
      !text.ends_with("(anonymous namespace)"))
    text.erase(open);
  drop_suffix(text, " ");  // operator<< <char>
  text = shorten_groups(text);
  drop_return_type(text);
  for (string_view call : {"{lambda}::operator()", "{lambda}::__invoke", "{lambda}::_FUN"}) {
    if (text.ends_with(call)) text.erase(text.size() - call.size() + 8);
  }
  drop_calls_between_lambdas(text);
  return text.empty() ? std::string(demangled) : text;
}

}  // namespace rt
TAUT_END_NAMESPACE
