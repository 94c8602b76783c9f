// SPDX-License-Identifier: Apache-2.0
// Profiles in the formats of Go's tools, and the server that hands them out.
//
//   int main() {
//     taut::debug::serve("127.0.0.1:6060");   // for as long as the process lives
//     ...
//   }
//
//   $ go tool pprof -top http://127.0.0.1:6060/debug/pprof/goroutine
//   $ curl http://127.0.0.1:6060/debug/pprof/goroutine?debug=2
//
// The server runs on threads of its own: it answers when every worker is stuck. All functions may
// be called from any thread and any goroutine, and block it only while the server starts or stops.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "taut/detail/chrono.h"
#include "taut/export.h"
#include "taut/result.h"

TAUT_BEGIN_NAMESPACE
namespace debug {

struct serve_options {
  // Serve an address that other machines can reach. Whoever reads a dump reads the names of your
  // functions and the text of your labels: set a token as well.
  bool allow_remote = false;
  // When not empty, a request must carry it: `Authorization: Bearer TOKEN`, or as the password of
  // http://any:TOKEN@host:port/.
  std::string token = {};
  // Requests served at once, at most 64; half of them may be ones that wait (`seconds=`). Others
  // wait for their turn in the kernel's queue.
  int threads = 4;
};

// serve() serves at "HOST:PORT" until the process ends, and may be called for several addresses.
// The port may be 0: use a server to learn which it became. Returns what prevented it, whose
// message() is a sentence for the user: an address that is not loopback without allow_remote
// (std::errc::operation_not_permitted), a port in use (std::errc::address_in_use), text that is
// no address (errc::bad_address). A program that can do without may ignore it.
TAUT_API std::error_code serve(std::string_view address, const serve_options& wanted = {});

// A server that lives as long as this handle.
class server {
 public:
  // As debug::serve().
  static TAUT_API result<server> start(std::string_view address, const serve_options& wanted = {});

  server(server&& other) noexcept : state_(other.state_) { other.state_ = nullptr; }
  TAUT_API server& operator=(server&& other) noexcept;
  // Stops.
  TAUT_API ~server();

  // "127.0.0.1:6060", with the port that was chosen for 0; empty after stop().
  TAUT_API std::string address() const;
  // Ends the requests that are being answered, and returns when all threads have ended.
  TAUT_API void stop() noexcept;
  // Serves on until the process ends; the handle is empty afterwards.
  TAUT_API void detach() noexcept;

 private:
  struct state;
  explicit server(state* s) noexcept : state_(s) {}
  state* state_;
};

// A kind of profile, by the name that its endpoint has below /debug/pprof/.
class profile {
 public:
  // Throws panic for a name that is not in names().
  TAUT_API explicit profile(std::string_view name);

  // How many there are of what it counts, now. For goroutineleak, as of the last time it was
  // written; 0 before.
  TAUT_API std::size_t count() const;
  // Takes the profile and writes it to a descriptor. debug: 0 for pprof (gzip'd), 1 for its text
  // form, 2 for a dump of every goroutine, 3 for JSON; a kind that has no such form writes the
  // text. Throws panic, which says what to link, for heap and allocs in a program that has none.
  TAUT_API result<void> write_to(int fd, int debug) const;
  // The same into a string.
  TAUT_API std::string text(int debug) const;
  TAUT_API std::string_view name() const noexcept;

  static TAUT_API std::vector<std::string> names();

 private:
  const void* kind_;
};

// start_cpu_profile() samples what every thread of the process computes, a hundred times per second
// of CPU time, until stop_cpu_profile() writes the profile to `fd`, for `go tool pprof`. One
// profile at a time, those of /debug/pprof/profile included: else
// std::errc::device_or_resource_busy. Sampling costs about 1 % of the CPU time that is sampled.
TAUT_API std::error_code start_cpu_profile(int fd);
// Returns when all is written. Does nothing when start_cpu_profile() did not start one.
TAUT_API result<void> stop_cpu_profile();

}  // namespace debug

namespace diag {

// taut::diag::profile("goroutine").write_to(fd, 2): beside what taut/diag.h declares.
using debug::profile;

}  // namespace diag

// set_block_profile_rate() has the profile "block" show where goroutines wait for channels, locks
// and each other: every wait of at least `rate`, and shorter ones in proportion, weighted so that
// sums stay right. 1 ns: every wait; 0, or less: none, as at the start of the program. Costs about
// a microsecond per sample. Throws std::bad_alloc without memory for the samples.
TAUT_API void set_block_profile_rate(std::chrono::nanoseconds rate);

// set_mutex_profile_fraction() has the profile "mutex" show one of n times that somebody waited for
// a mutex or shared_mutex: label role=holder, whose unlock() ended it; role=waiter, who waited. 0:
// none, as at the start; less: changes nothing. Returns what it was.
TAUT_API int set_mutex_profile_fraction(int n);

TAUT_END_NAMESPACE
