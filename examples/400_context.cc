// SPDX-License-Identifier: Apache-2.0
// A context ends work that nobody wants any more, and says why.
#include <taut/taut.h>

#include <cstdio>
#include <stdexcept>

using namespace std::chrono_literals;

int main() {
  taut::run([] {
    auto [ctx, cancel] = taut::with_timeout(taut::background(), 10ms);
    taut::chan<int> answers(0);
    taut::result<int> answer = answers.recv(ctx);  // nobody answers
    std::printf("no answer: %s\n", answer.error().message().c_str());

    auto [work, stop] = taut::with_cancel(taut::background());
    taut::chan<int> ended(1);
    taut::go(work, [=] {
      struct at_end {
        taut::chan<int> to;
        ~at_end() { to.send(1); }
      } clean_up{ended};
      taut::sleep_for(1h);  // bound to `work`: ends by an exception, and destructors run
    });
    stop(std::make_exception_ptr(std::runtime_error("out of disk")));
    ended.recv();
    try {
      std::rethrow_exception(work.cause());
    } catch (const std::exception& e) {
      std::printf("stopped: %s (%s)\n", work.err().message().c_str(), e.what());
    }
  });
}

// Output:
// no answer: context deadline exceeded
// stopped: context canceled (out of disk)
