// SPDX-License-Identifier: Apache-2.0
// A service with one goroutine in each kind of wait, in a function of its own. Prints its address,
// and ends when its standard input does.
#include <taut/taut.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <mutex>
#include <string>

namespace {

using std::chrono::hours;

// After a call, so that it is no jump: the caller is the place that is shown.
inline void stay() { asm volatile("" ::: "memory"); }

[[gnu::noinline]] void receives(const taut::chan<int>& c) { c.recv(), stay(); }
[[gnu::noinline]] void sends(const taut::chan<int>& c) { c.send(1), stay(); }
[[gnu::noinline]] void receives_from_nil(const taut::chan<int>& c) { c.recv(), stay(); }
[[gnu::noinline]] void sends_to_nil(const taut::chan<int>& c) { c.send(1), stay(); }
[[gnu::noinline]] void selects(const taut::chan<int>& a, const taut::chan<int>& b) {
  taut::select(taut::recv(a, [](std::optional<int>) {}), taut::send(b, 1)), stay();
}
[[gnu::noinline]] void locks(taut::mutex& m) { m.lock(), stay(); }
[[gnu::noinline]] void read_locks(taut::shared_mutex& m) { m.lock_shared(), stay(); }
[[gnu::noinline]] void write_locks(taut::shared_mutex& m) { m.lock(), stay(); }
[[gnu::noinline]] void groups(taut::wait_group& w) { w.wait(), stay(); }
[[gnu::noinline]] void conditions(taut::condition& c, std::unique_lock<taut::mutex>& l) {
  c.wait(l), stay();
}
[[gnu::noinline]] void semaphores(taut::semaphore& s) { s.acquire(), stay(); }
[[gnu::noinline]] void runs_once(taut::once& o) {
  o.call([] {}), stay();
}
[[gnu::noinline]] void contexts(const taut::context& c) { (void)c.wait(), stay(); }
[[gnu::noinline]] void scopes(taut::scope& s) { s.wait(), stay(); }
[[gnu::noinline]] void enters(taut::scope& s) {
  s.go([] {}), stay();
}
[[gnu::noinline]] void sleeps() { taut::sleep_for(hours(1)), stay(); }
[[gnu::noinline]] void accepts(taut::listener& l) { (void)l.accept(), stay(); }
[[gnu::noinline]] void reads(taut::conn& c) {
  char bytes[1];
  (void)c.read_some(bytes), stay();
}
[[gnu::noinline]] void polls(int fd) { (void)taut::wait_fd(fd, taut::fd_events::readable), stay(); }

}  // namespace

int main() {
  return taut::run([] {
    static taut::chan<int> never(0), other(0);  // place: channels
    static taut::chan<int> unread(0), nil;
    static taut::mutex held, guard;
    static taut::shared_mutex read_held, write_held;
    static taut::wait_group group;
    static taut::condition changed;
    static taut::semaphore units(1);
    static taut::once once;
    static auto cancelable = taut::with_cancel(taut::background());
    static taut::scope members, limited;
    static auto listener = taut::listen("tcp", "127.0.0.1:0").value();
    static auto near = taut::dial("tcp", listener.addr()).value();
    static auto far = listener.accept().value();
    int ends[2] = {};
    if (::pipe(ends) != 0) return 1;
    std::scoped_lock guarded(held);  // place: guard
    read_held.lock_shared();
    write_held.lock();
    group.add(1);
    units.acquire();
    limited.set_limit(1);
    limited.go([] { never.recv(); });
    members.go([] { never.recv(); });
    taut::go([] { once.call([] { never.recv(); }); });
    taut::yield();
    taut::go([] { receives(never); });
    taut::go([] { sends(unread); });
    taut::go([] { receives_from_nil(nil); });
    taut::go([] { sends_to_nil(nil); });
    taut::go([] { selects(never, other); });
    taut::go([] { locks(held); });
    taut::go([] { read_locks(write_held); });
    taut::go([] { write_locks(read_held); });
    taut::go([] { groups(group); });
    taut::go([] {
      std::unique_lock l(guard);
      conditions(changed, l);
    });
    taut::go([] { semaphores(units); });
    taut::go([] { runs_once(once); });
    taut::go([] { contexts(cancelable.ctx); });
    taut::go([] { scopes(members); });
    taut::go([] { enters(limited); });
    taut::go([] { sleeps(); });
    taut::go([] { accepts(listener); });
    taut::go([] { reads(near); });
    taut::go([fd = ends[0]] { polls(fd); });
    auto server = taut::debug::server::start("127.0.0.1:0");
    std::printf("%s\n", server ? server->address().c_str() : server.error().message().c_str());
    std::fflush(stdout);
    taut::blocking([] {
      while (std::getchar() != EOF) {
      }
    });
    std::_Exit(0);
  });
}
