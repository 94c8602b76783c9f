// SPDX-License-Identifier: Apache-2.0
// The world that the service talks to. See the header.
#include "backend.h"

#include <taut/taut.h>

#include <cstdint>

namespace search::backend {
namespace {

using namespace std::chrono_literals;

// FNV-1a, so that every run on every machine sees the same failures.
std::uint32_t digest(const std::string& text) {
  std::uint32_t hash = 2166136261u;
  for (unsigned char c : text) hash = (hash ^ c) * 16777619u;
  return hash ^ hash >> 15;
}

}  // namespace

std::string ask(int replica, const std::string& query) {
  if (digest(query) % 128 == 7) taut::sleep_for(30ms);
  return "replica " + std::to_string(replica) + " on " + query;
}

std::optional<std::string> load(const std::string& query) {
  taut::yield();  // for the network
  if (digest(query) % 4 == 1) return std::nullopt;
  return "all about " + query;
}

std::optional<std::string> title(const std::string& document) {
  if (digest(document) % 2 == 1) return std::nullopt;
  return "The story of " + document;
}

int price(const std::string& customer) {
  taut::sleep_for(200us);
  return static_cast<int>(digest(customer) % 100);
}

}  // namespace search::backend
