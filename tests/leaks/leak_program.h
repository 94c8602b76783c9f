// SPDX-License-Identifier: Apache-2.0
// A program of the leak corpus: runs one scenario, then prints what find_leaks() says of it, as
// JSON. The comment at its top says what must be reported, for leaks_test.cc.
#pragma once

#include <taut/chan.h>
#include <taut/condition.h>
#include <taut/context.h>
#include <taut/diag.h>
#include <taut/go.h>
#include <taut/mutex.h>
#include <taut/once.h>
#include <taut/runtime.h>
#include <taut/scope.h>
#include <taut/select.h>
#include <taut/semaphore.h>
#include <taut/shared_mutex.h>
#include <taut/time.h>
#include <taut/wait_group.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>

using namespace std::chrono_literals;

// What the program leaves behind lives as long as the process.
template <class T>
T& immortal() {
  return *new T;
}

// `groups` is how many entries the report must have; 0: it must stay quiet.
inline int leak_main(void (*scenario)(), std::size_t groups) {
  taut::leak_report report;
  taut::run([&] {
    scenario();
    const taut::leak_options wanted{.min_age = 0s, .min_age_of_shared = 0s};
    // A leak takes a moment to come about; quiet must hold at every look.
    for (int look = 0; look < (groups == 0 ? 50 : 5000); ++look) {
      for (int i = 0; i < 20; ++i) taut::yield();
      report = taut::find_leaks(wanted);
      if (groups == 0 ? !report.leaks.empty() : report.leaks.size() >= groups) break;
    }
  });
  std::puts(report.to_json().c_str());
  std::fputs(report.to_text().c_str(), stderr);
  std::fflush(nullptr);
  std::_Exit(0);
}
