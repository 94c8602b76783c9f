// SPDX-License-Identifier: Apache-2.0
// context::to_string(): the chain in Go's words.
#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "context/context_node.h"

TAUT_BEGIN_NAMESPACE
namespace {

using namespace rt;

std::string type_name(const char* mangled) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> text(
      abi::__cxa_demangle(mangled, nullptr, nullptr, &status), std::free);
  return text == nullptr ? mangled : text.get();
}

std::string value_text(const std::any& value) {
  if (auto* text = std::any_cast<std::string>(&value)) return *text;
  if (auto* text = std::any_cast<const char*>(&value)) return *text;
  return type_name(value.type().name());
}

// 1h2m3.5s, 80ms, 1.5us
std::string duration_text(std::int64_t ns) {
  char text[64];
  const char* sign = ns < 0 ? "-" : "";
  if (ns < 0) ns = -ns;
  if (ns < 1'000) {
    std::snprintf(text, sizeof text, "%s%lldns", sign, static_cast<long long>(ns));
  } else if (ns < 1'000'000) {
    std::snprintf(text, sizeof text, "%s%.6gµs", sign, static_cast<double>(ns) / 1e3);
  } else if (ns < 1'000'000'000) {
    std::snprintf(text, sizeof text, "%s%.9gms", sign, static_cast<double>(ns) / 1e6);
  } else {
    const long long minutes = ns / 60'000'000'000;
    const double seconds = static_cast<double>(ns % 60'000'000'000) / 1e9;
    if (minutes >= 60) {
      std::snprintf(text, sizeof text, "%s%lldh%lldm%.11gs", sign, minutes / 60, minutes % 60,
                    seconds);
    } else if (minutes > 0) {
      std::snprintf(text, sizeof text, "%s%lldm%.11gs", sign, minutes, seconds);
    } else {
      std::snprintf(text, sizeof text, "%s%.11gs", sign, seconds);
    }
  }
  return text;
}

std::string deadline_text(std::int64_t deadline) {
  const std::int64_t left = deadline - rt::now();
  const auto wall = std::chrono::system_clock::now() + std::chrono::nanoseconds(left);
  const std::time_t seconds = std::chrono::system_clock::to_time_t(wall);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[64];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S +0000 UTC", &utc);
  return std::string(text) + " [" + duration_text(left) + "]";
}

std::string step(const detail::context_node& n) {
  switch (n.kind) {
    case context_kind::todo:
      return "context.TODO";
    case context_kind::without_cancel:
      return ".WithoutCancel";
    case context_kind::cancel:
      return ".WithCancel";
    case context_kind::deadline:
      return ".WithDeadline(" + deadline_text(n.deadline) + ")";
    case context_kind::stop_token:
      return ".WithStopToken";
    case context_kind::signal:
      return ".WithSignals";
    case context_kind::value:
      break;
  }
  auto& v = static_cast<const value_node&>(n);
  return ".WithValue(" + type_name(v.key->name()) + ", " + value_text(v.value) + ")";
}

}  // namespace

std::string context::to_string() const {
  std::vector<const detail::context_node*> chain;
  for (const detail::context_node* n = node(); n != nullptr; n = n->parent) chain.push_back(n);
  std::string text;
  if (chain.empty() || chain.back()->kind != context_kind::todo) text = "context.Background";
  for (auto at = chain.rbegin(); at != chain.rend(); ++at) text += step(**at);
  return text;
}

TAUT_END_NAMESPACE
