// SPDX-License-Identifier: Apache-2.0
// An echo server and three clients, in one program.
#include <taut/go.h>
#include <taut/net.h>
#include <taut/runtime.h>
#include <taut/wait_group.h>

#include <cstdio>
#include <string>
#include <utility>

// --8<-- [start:serve]
void echo(taut::conn c) {
  char some[1024];
  while (auto n = c.read_some(some)) {
    if (*n == 0 || !c.write_all(std::string_view(some, *n))) return;
  }
}

void serve(taut::listener& l) {
  while (auto c = l.accept()) taut::go(echo, std::move(*c));
}
// --8<-- [end:serve]

int main() {
  return taut::run([] {
    auto l = taut::listen("tcp", "127.0.0.1:0");
    if (!l) {
      std::puts(taut::describe("listen", "tcp", "127.0.0.1:0", l.error()).c_str());
      return 1;
    }
    taut::wait_group server, clients;
    server.go([&] { serve(*l); });
    for (int i = 1; i <= 3; ++i) {
      clients.go([&, i] {
        taut::conn c = taut::dial("tcp", l->addr()).value();
        const std::string text = "client " + std::to_string(i);
        c.write_all(text).value();
        c.close_write().value();
        std::string answer(text.size(), ' ');
        c.read_full(answer).value();
        if (answer != text) std::puts("wrong");
      });
    }
    clients.wait();
    l->close();  // ends serve()
    server.wait();
    std::puts("three answers");
    return 0;
  });
}

// Output: three answers
