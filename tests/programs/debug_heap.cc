// SPDX-License-Identifier: Apache-2.0
// A service whose heap can be looked at: one place keeps 64 MiB, another has dropped 128 MiB.
// Prints its address, and ends when its standard input does.
#include <taut/taut.h>

#include <cstdio>
#include <memory>
#include <vector>

namespace {

constexpr std::size_t block = 16 << 10;

struct session {
  char state[block];
};

[[gnu::noinline]] std::unique_ptr<session> open_session() { return std::make_unique<session>(); }

[[gnu::noinline]] void parse_request() {
  auto buffer = std::make_unique<char[]>(block);
  asm volatile("" ::"r"(buffer.get()) : "memory");
}

}  // namespace

int main() {
  taut::heap::set_sample_rate(64 << 10);
  return taut::run([] {
    std::vector<std::unique_ptr<session>> sessions;
    taut::wait_group done;
    done.go([&] {
      for (int i = 0; i < (64 << 20) / static_cast<int>(block); ++i)
        sessions.push_back(open_session());
    });
    done.go([] {
      for (int i = 0; i < (128 << 20) / static_cast<int>(block); ++i) parse_request();
    });
    done.wait();
    auto server = taut::debug::server::start("127.0.0.1:0");
    std::printf("%s\n", server ? server->address().c_str() : server.error().message().c_str());
    std::fflush(stdout);
    taut::blocking([] {
      while (std::getchar() != EOF) {
      }
    });
    return server ? 0 : 1;
  });
}
