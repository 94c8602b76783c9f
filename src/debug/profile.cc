// SPDX-License-Identifier: Apache-2.0
// taut::debug::profile over the table of kinds.
#include <string>

#include "arch/unwind.h"
#include "debug/kinds.h"
#include "debug/sinks.h"
#include "taut/debug.h"
#include "taut/panic.h"

TAUT_BEGIN_NAMESPACE
namespace debug {
namespace {

const rt::profile_kind& kind_of(const void* p) noexcept {
  return *static_cast<const rt::profile_kind*>(p);
}

const rt::profile_kind& present(const void* p) {
  const rt::profile_kind& kind = kind_of(p);
  const char* sentence = kind.missing == nullptr ? nullptr : kind.missing();
  if (sentence != nullptr) throw panic("taut::debug::profile: " + std::string(sentence));
  return kind;
}

}  // namespace

profile::profile(std::string_view name) : kind_(rt::find_profile_kind(name)) {
  if (kind_ != nullptr) return;
  std::string text =
      "taut::debug::profile: there is no profile " + std::string(name) + "; there are";
  for (const std::string& known : names()) text += ' ' + known;
  throw panic(text);
}

std::size_t profile::count() const { return kind_of(kind_).count(); }

std::string_view profile::name() const noexcept { return kind_of(kind_).name; }

result<void> profile::write_to(int fd, int debug) const {
  rt::refresh_modules();
  const rt::frame_registers here = rt::current_registers();
  rt::descriptor_sink to(fd);
  rt::write_profile(present(kind_), debug, &here, to);
  if (const int error = to.flush(); error != 0)
    return std::error_code(error, std::generic_category());
  return {};
}

std::string profile::text(int debug) const {
  rt::refresh_modules();
  const rt::frame_registers here = rt::current_registers();
  rt::string_sink to;
  rt::write_profile(present(kind_), debug, &here, to);
  return to.text;
}

std::vector<std::string> profile::names() {
  std::vector<std::string> all;
  for (const rt::profile_kind* kind : rt::profile_kinds()) all.emplace_back(kind->name);
  return all;
}

}  // namespace debug
TAUT_END_NAMESPACE
