// SPDX-License-Identifier: Apache-2.0
// A round trip of 64 bytes over loopback: two goroutines, and with it two threads that block in the
// same system calls.
#include "taut/net.h"

#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <thread>

#include "taut/go.h"
#include "taut/io.h"
#include "taut/runtime.h"
#include "taut/wait_group.h"

namespace taut {
namespace {

constexpr std::size_t size = 64;

void echo_goroutines(benchmark::State& state) {
  run([&] {
    listener l = listen("tcp", "127.0.0.1:0").value();
    wait_group server;
    server.go([&] {
      conn c = l.accept().value();
      char some[size];
      while (auto n = c.read_some(some)) {
        if (*n == 0 || !c.write_all(std::string_view(some, *n))) return;
      }
    });
    conn c = dial("tcp", l.addr()).value();
    const std::string text(size, 'x');
    char answer[size];
    for (auto _ : state) {
      c.write_all(text).value();
      c.read_full(answer).value();
    }
    c.close();
    server.wait();
  });
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(echo_goroutines)->Name("net/echo")->UseRealTime();

void echo_threads(benchmark::State& state) {
  const int l = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof at;
  auto* address = reinterpret_cast<sockaddr*>(&at);
  if (::bind(l, address, length) != 0 || ::listen(l, 1) != 0 ||
      ::getsockname(l, address, &length) != 0) {
    state.SkipWithError("no socket");
    return;
  }
  const int one = 1;
  std::thread server([&] {
    const int c = ::accept(l, nullptr, nullptr);
    ::setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    char some[size];
    for (ssize_t n; (n = ::read(c, some, size)) > 0;) {
      if (::write(c, some, static_cast<std::size_t>(n)) != n) break;
    }
    ::close(c);
  });
  const int c = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::connect(c, address, length) != 0) state.SkipWithError("no connection");
  ::setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  char text[size] = {};
  for (auto _ : state) {
    if (::write(c, text, size) != static_cast<ssize_t>(size) ||
        ::recv(c, text, size, MSG_WAITALL) != static_cast<ssize_t>(size)) {
      state.SkipWithError("broken");
      break;
    }
  }
  ::close(c);
  server.join();
  ::close(l);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(echo_threads)->Name("net/echo_blocking_threads")->UseRealTime();

// What is spent above the system calls when nothing must wait: a byte through a pipe, and the same
// calls alone.
void pipe_stream(benchmark::State& state) {
  run([&] {
    auto [reader, writer] = make_pipe().value();
    char one[1] = {'x'};
    for (auto _ : state) {
      writer.write_all(std::string_view(one, 1)).value();
      reader.read_some(one).value();
    }
  });
}
BENCHMARK(pipe_stream)->Name("net/pipe_stream");

void pipe_calls(benchmark::State& state) {
  int fds[2];
  if (::pipe(fds) != 0) return;
  char one[1] = {'x'};
  for (auto _ : state) {
    if (::write(fds[1], one, 1) != 1 || ::read(fds[0], one, 1) != 1) state.SkipWithError("broken");
  }
  ::close(fds[0]);
  ::close(fds[1]);
}
BENCHMARK(pipe_calls)->Name("net/pipe_calls");

void blocking_nothing(benchmark::State& state) {
  run([&] {
    for (auto _ : state) benchmark::DoNotOptimize(blocking([] { return 1; }));
  });
}
BENCHMARK(blocking_nothing)->Name("net/blocking");

}  // namespace
}  // namespace taut
