// SPDX-License-Identifier: Apache-2.0
// A service to look at: goroutines at two places, one group with a label, one that leaks. Prints
// its address, and ends when its standard input does.
#include <taut/taut.h>

#include <cstdio>
#include <utility>

namespace {

[[gnu::noinline]] void wait_for_work(const taut::chan<int>& work) {
  for (int job : work) std::printf("%d\n", job);
}

template <class T>
[[gnu::noinline]] void wait_for_answer(const T& answer) {
  answer.recv();
  asm volatile("" ::: "memory");
}

}  // namespace

int main() {
  return taut::run([] {
    taut::chan<int> work(0), answer(0);
    taut::wait_group waiting;
    for (int i = 0; i < 5; ++i) waiting.go([&] { wait_for_work(work); });
    for (int i = 0; i < 3; ++i) {
      waiting.go([&] {
        taut::this_goroutine::set_label("tenant", "acme \"one\"");
        wait_for_answer(answer);
      });
    }
    {
      auto [to, from] = taut::make_chan<int>(0);
      taut::go([to = to] { to.send(1); });
    }
    const taut::debug::profile leaks("goroutineleak"), all("goroutine");
    // Everybody is where he waits.
    auto count = [](const std::string& text, const char* what) {
      int n = 0;
      for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; ++at) ++n;
      return n;
    };
    while (count(all.text(2), "[chan receive]") != 8 ||
           leaks.text(1).find("total 1\n") == std::string::npos)
      taut::yield();
    auto server = taut::debug::server::start("127.0.0.1:0");
    std::printf("%s\n", server ? server->address().c_str() : server.error().message().c_str());
    std::fflush(stdout);
    taut::blocking([] {
      while (std::getchar() != EOF) {
      }
    });
    work.close();
    answer.close();
    waiting.wait();
    return server ? 0 : 1;
  });
}
