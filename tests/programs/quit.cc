// SPDX-License-Identifier: Apache-2.0
// SIGQUIT prints every goroutine and ends the process with status 2.
#include <signal.h>
#include <taut/chan.h>
#include <taut/go.h>
#include <taut/runtime.h>
#include <taut/time.h>
#include <unistd.h>

int main() {
  taut::run([] {
    taut::this_goroutine::set_label("request", "a b");
    ::kill(::getpid(), SIGQUIT);
    taut::sleep_for(std::chrono::hours(1));
  });
}
