// SPDX-License-Identifier: Apache-2.0
// Small inputs in each format, for the tests of parsers.
#pragma once

#include <zlib.h>

#include <protozero/pbf_writer.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace samples {

inline std::string gzip(std::string_view text) {
  z_stream z{};
  deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

// Two samples, 20 goroutines in a send and 1 asleep, in the order in which Go writes the fields.
inline std::string profile(std::string_view type = "goroutine") {
  const std::vector<std::string> strings{
      "",           std::string(type), "count",        "runtime.gopark", "runtime.chansend",
      "main.fetch", "/go/proc.go",     "/src/main.go", "time.Sleep",     "tenant",
      "acme"};
  std::string out;
  protozero::pbf_writer p(out);
  const auto value_type = [&](int field) {
    std::string inner;
    protozero::pbf_writer w(inner);
    w.add_int64(1, 1);
    w.add_int64(2, 2);
    p.add_message(static_cast<protozero::pbf_tag_type>(field), inner);
  };
  value_type(11);
  p.add_int64(12, 1);
  value_type(1);
  const auto sample = [&](std::vector<std::uint64_t> locations, std::int64_t count, bool labelled) {
    std::string inner;
    protozero::pbf_writer w(inner);
    w.add_packed_uint64(1, locations.begin(), locations.end());
    w.add_packed_int64(2, &count, &count + 1);
    if (labelled) {
      std::string label;
      protozero::pbf_writer l(label);
      l.add_int64(1, 9);
      l.add_int64(2, 10);
      w.add_message(3, label);
    }
    p.add_message(2, inner);
  };
  const auto location = [&](std::uint64_t id, std::uint64_t function, std::int64_t line) {
    std::string inner;
    protozero::pbf_writer w(inner);
    w.add_uint64(1, id);
    w.add_uint64(3, 0x1000 + id);
    std::string text;
    protozero::pbf_writer l(text);
    l.add_uint64(1, function);
    l.add_int64(2, line);
    w.add_message(4, text);
    p.add_message(4, inner);
  };
  const auto function = [&](std::uint64_t id, std::int64_t name, std::int64_t file) {
    std::string inner;
    protozero::pbf_writer w(inner);
    w.add_uint64(1, id);
    w.add_int64(2, name);
    w.add_int64(3, name);
    w.add_int64(4, file);
    p.add_message(5, inner);
  };
  sample({1, 2, 3}, 20, true);
  location(1, 1, 30);
  function(1, 3, 6);
  location(2, 2, 40);
  function(2, 4, 6);
  location(3, 3, 50);
  function(3, 5, 7);
  sample({1, 4}, 1, false);
  location(4, 4, 60);
  function(4, 8, 6);
  for (const std::string& s : strings) p.add_string(6, s);
  return out;
}

inline constexpr std::string_view profile_text =
    "goroutine profile: total 23\n"
    "20 @ 0x485aae 0x40e40c 0x4f00e5\n"
    "# labels: {\"id\":\"a b\", \"tenant\":\"acme\"}\n"
    "#\t0x4f00e4\tmain.fetch+0x24\t\t/src/main.go:50\n"
    "#\t0x4e328b\truntime/pprof.Do+0x8b\t/go/runtime.go:57\n"
    "\n"
    "3 @ 0x485aae 0x40e40c\n"
    "#\t0x4f00e4\tsync.(*Mutex).lockSlow+0x24\t/go/mutex.go:1\n"
    "#\t0x4f00e5\tmain.lock+0x24\t\t\t/src/main.go:9\n"
    "\n";

inline constexpr std::string_view text =
    "goroutine 1 [running]:\nmain.main()\n\t/src/main.go:10 +0x1d\n\n"
    "goroutine 7 gp=0xc0000061c0 m=nil [chan receive, 3 minutes, locked to thread] {a: \"b c\"}:\n"
    "main.f(0xc000012345?)\n\t/src/main.go:20 +0x2 fp=0xc00005 sp=0xc00004 pc=0x4631\n"
    "...12 frames elided...\nmain.g(...)\n\t/src/main.go:21\n"
    "created by main.main in goroutine 1\n\t/src/main.go:11 +0x3\n\n"
    "log: goroutine 9 [select (leaked)]:\nlog: main.h()\nlog: \t/src/main.go:30\n";

// As taut's debug=3.
inline constexpr std::string_view json =
    R"({"taken_monotonic_ns":1,"complete":true,"proved":2,"suspected":1,"total":4,
"goroutines":[
{"id":1,"state":"running","verdict":"alive","frames":[{"function":"main","file":"/s/a.cc","line":3}]},
{"id":5,"state":"waiting","wait_reason":"chan send","wait_ns":2500000000,
 "waits_at":{"file":"a.cc","line":41},"object":"0x1","parent":1,"created":{"file":"a.cc","line":9},
 "labels":{"tenant":"acme"},"verdict":"proved","cause":"R02","explanation":"goroutine 7 left",
 "fix":"cap 1","culprit":{"file":"a.cc","line":44},
 "frames":[{"function":"taut::chan::send","file":"/t/chan.h","line":1,"runtime":true},
           {"function":"fetch","file":"/s/a.cc","line":41,"pc":"0x9"}]},
{"id":6,"state":"waiting","wait_reason":"chan send","wait_ns":1500000000,"object":"0x2",
 "waits_at":{"file":"a.cc","line":41},"created":{"file":"a.cc","line":9},"locked_to_thread":true,
 "verdict":"proved","cause":"R02","explanation":"goroutine 8 left","fix":"cap 1",
 "culprit":{"file":"a.cc","line":44},
 "frames":[{"function":"fetch","file":"/s/a.cc","line":41}]},
{"id":8,"state":"waiting","wait_reason":"sync.WaitGroup.Wait","wait_ns":9500000000,"object":"0x3",
 "verdict":"suspected","cause":"R28","explanation":"nobody is left","fix":"call done",
 "culprit":null,"frames":[{"function":"main","file":"/s/a.cc","line":80}]}
],
"objects":[
{"id":"0x1","kind":"channel","capacity":0,"made":{"file":"a.cc","line":36},"maker":7},
{"id":"0x3","kind":"mutex","holder":8,"held_since":{"file":"a.cc","line":70}}
]}
)";

// The same of a service that names nothing itself: one file is gone, the other is no program.
inline constexpr std::string_view unnamed_json =
    R"({"taken_monotonic_ns":1,"complete":true,"proved":0,"suspected":0,"total":2,
"mappings":[
{"start":"0x400000","limit":"0x500000","offset":0,"file":"/no/such/service","build_id":"ab12"},
{"start":"0x7f0000000000","limit":"0x7f0000100000","offset":4096,"file":"/etc/passwd"}
],
"goroutines":[
{"id":1,"state":"running","verdict":"alive","frames":[{"pc":"0x401000"},{"pc":"0x7f0000000010"}]},
{"id":5,"state":"waiting","wait_reason":"chan send","wait_ns":2500000000,"object":"0x1",
 "waits_at":{"file":"a.cc","line":41},"verdict":"alive","frames":[{"pc":"0x401fff"},{"pc":"0x9"}]}
],
"objects":[
]}
)";

}  // namespace samples
