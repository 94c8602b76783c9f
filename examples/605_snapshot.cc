// SPDX-License-Identifier: Apache-2.0
// What each goroutine does, as a structure: by name, who waits for what.
#include <taut/taut.h>

#include <algorithm>
#include <cstdio>

int main() {
  taut::run([] {
    taut::chan<int> jobs(0);
    taut::mutex books;
    taut::wait_group all;
    books.lock();
    all.add(2);
    taut::go({.name = "reader"}, [&, jobs] {
      jobs.recv();
      all.done();
    });
    taut::go({.name = "writer"}, [&] {
      books.lock();
      books.unlock();
      all.done();
    });

    std::vector<taut::diag::goroutine> now;
    do {
      taut::yield();
      now = taut::diag::snapshot();
    } while (std::ranges::count(now, taut::diag::goroutine_state::waiting,
                                &taut::diag::goroutine::state) < 2);
    std::ranges::sort(now, {}, &taut::diag::goroutine::name);
    for (const taut::diag::goroutine& g : now) {
      for (const taut::diag::awaited_object& object : g.waits_for) {
        std::printf("%s: %.*s, a %.*s\n", g.name.c_str(), static_cast<int>(g.wait_reason.size()),
                    g.wait_reason.data(), static_cast<int>(object.kind.size()), object.kind.data());
      }
    }
    books.unlock();
    jobs.close();
    all.wait();
  });
}

// Output: reader: chan receive, a channel
// writer: sync.Mutex.Lock, a mutex
