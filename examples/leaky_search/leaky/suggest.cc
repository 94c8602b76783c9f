// SPDX-License-Identifier: Apache-2.0
// Completions of a word, made by a generator: a goroutine that sends them one by one.
#include <taut/taut.h>

#include "../steps.h"

namespace search {
namespace {

// BUG: who stops reading before the end leaves the generator waiting in send() for ever.
taut::chan<std::string> completions(const std::string& word) {
  taut::chan<std::string> words(0);
  taut::go([=] {
    for (char last = 'a'; last <= 'z'; ++last) words.send(word + last);
    words.close();
  });
  return words;
}

}  // namespace

std::vector<std::string> suggest(const std::string& word) {
  std::vector<std::string> first;
  for (std::string& completion : completions(word)) {
    first.push_back(std::move(completion));
    if (first.size() == 3) break;
  }
  return first;
}

}  // namespace search
