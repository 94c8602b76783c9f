// SPDX-License-Identifier: Apache-2.0
// The first goroutine ends by goexit() and nobody is left.
#include <taut/go.h>
#include <taut/runtime.h>

int main() {
  taut::run([] { taut::goexit(); });
}
