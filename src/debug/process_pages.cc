// SPDX-License-Identifier: Apache-2.0
// What pprof asks besides profiles: the command line, and the names of addresses.
#include <charconv>
#include <string>

#include "debug/exchange.h"
#include "debug/mappings.h"
#include "debug/text.h"
#include "diag/frames.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr std::size_t most_arguments = std::size_t{1} << 20, most_addresses = 4096;

void cmdline_page(exchange& x) {
  x.set_header("X-Content-Type-Options", "nosniff");
  x.reply = read_proc("/proc/self/cmdline", most_arguments);
  // A NUL ends each argument there, and stands between them here.
  if (x.reply.ends_with('\0')) x.reply.pop_back();
}

// 0 for what is no address. As Go reads it: 0x hexadecimal, else decimal.
std::uint64_t address_of(std::string_view text) noexcept {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

void symbol_page(exchange& x) {
  x.set_header("X-Content-Type-Options", "nosniff");
  // The number only says that there are names.
  x.reply = "num_symbols: 1\n";
  frame_namer names;
  std::string_view rest = x.method == "POST" ? x.body : x.query;
  for (std::size_t i = 0; i < most_addresses && !rest.empty(); ++i) {
    const std::size_t plus = std::min(rest.find('+'), rest.size());
    const std::uint64_t address = address_of(rest.substr(0, plus));
    rest.remove_prefix(std::min(plus + 1, rest.size()));
    if (address == 0) continue;
    // The function that the code at this address is in, not one inlined into it.
    const named_frame& f = names.at(address + 1).back();
    if (f.linked.empty()) continue;
    append_hex(x.reply, address);
    x.reply += ' ' + f.function + '\n';
  }
}

}  // namespace

const endpoint cmdline_endpoint = {
    .path = "/debug/pprof/cmdline",
    .post = false,
    .handle = cmdline_page,
    .description = "The command line invocation of the current program"};

const endpoint symbol_endpoint = {
    .path = "/debug/pprof/symbol",
    .post = true,
    .handle = symbol_page,
    .description =
        "Maps given program counters to function names. Counters can be specified in a "
        "GET raw query or POST body, multiple counters are separated by '+'."};

}  // namespace rt
TAUT_END_NAMESPACE
