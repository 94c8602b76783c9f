// SPDX-License-Identifier: Apache-2.0
// Completions of a word, made by a generator: a goroutine that sends them one by one.
#include <taut/taut.h>

#include "../steps.h"

namespace search {
namespace {

// The generator is bound to the reader's context: when that ends, so does its wait in send().
taut::chan<std::string> completions(const taut::context& ctx, const std::string& word) {
  taut::chan<std::string> words(0);
  taut::go(ctx, [=] {
    for (char last = 'a'; last <= 'z'; ++last) words.send(word + last);
    words.close();
  });
  return words;
}

}  // namespace

std::vector<std::string> suggest(const std::string& word) {
  auto [ctx, cancel] = taut::with_cancel(taut::background());  // ends on leaving
  std::vector<std::string> first;
  for (std::string& completion : completions(ctx, word)) {
    first.push_back(std::move(completion));
    if (first.size() == 3) break;
  }
  return first;
}

}  // namespace search
