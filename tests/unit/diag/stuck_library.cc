// SPDX-License-Identifier: Apache-2.0
// A library whose constructor says that it runs, and never returns: the loader's lock is held for
// ever. For loaded_object_test.cc.
#include <unistd.h>

#include <cstdlib>

namespace {

__attribute__((constructor)) void get_stuck() {
  const char* fd = std::getenv("TAUT_TEST_STUCK");
  if (fd == nullptr || ::write(std::atoi(fd), "x", 1) != 1) return;
  for (;;) ::pause();
}

}  // namespace
