// SPDX-License-Identifier: Apache-2.0
// /debug/pprof/profile: a CPU profile of the next seconds.
#include <charconv>
#include <string>
#include <system_error>

#include "debug/cpu_profile.h"
#include "debug/exchange.h"
#include "debug/proto.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::int64_t usual_seconds = 30;

// What is no number asks for the usual time, as Go has it.
std::int64_t seconds_of(const exchange& x) {
  const std::string text = x.param("seconds");
  const char* end = text.data() + text.size();
  std::int64_t seconds = 0;
  const auto [at, error] = std::from_chars(text.data(), end, seconds);
  return error == std::errc() && at == end && seconds > 0 ? seconds : usual_seconds;
}

void cpu_page(exchange& x) {
  const std::int64_t seconds = seconds_of(x);
  if (seconds > most_seconds)
    return x.fail(400, "invalid value for \"seconds\" - at most 3600, the server would wait");
  slot mine(x);
  if (!mine) return;
  std::error_code why;
  const auto recording = cpu_recording::start({.goroutines = x.number("goroutines") != 0}, why);
  if (recording == nullptr) return x.fail(500, "Could not enable CPU profiling: " + why.message());
  if (!x.wait_or_fail(seconds * 1'000'000'000)) return;
  stack_profile p = recording->finish();
  x.set_header("X-Content-Type-Options", "nosniff");
  as_attachment(x, "profile");
  reply_sink to(x);
  write_count_profile(p, 0, to);
}

}  // namespace

const endpoint cpu_endpoint = {
    .path = "/debug/pprof/profile",
    .post = false,
    .handle = cpu_page,
    .description =
        "What the CPU time of the next seconds is spent on: ?seconds=N, 30 without. A "
        "file for go tool pprof."};

}  // namespace rt
TAUT_END_NAMESPACE
