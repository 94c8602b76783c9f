// SPDX-License-Identifier: Apache-2.0
#include "debug/kinds.h"

#include <algorithm>

#include "debug/proto.h"
#include "heap/sampler.h"

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr const profile_kind* kinds[] = {
    &allocs_kind, &block_kind, &goroutine_kind,    &goroutineleak_kind,
    &heap_kind,   &mutex_kind, &threadcreate_kind,
};

}  // namespace

std::span<const profile_kind* const> profile_kinds() { return kinds; }

const profile_kind* find_profile_kind(std::string_view name) {
  const auto found = std::ranges::find(
      kinds, name, [](const profile_kind* k) -> std::string_view { return k->name; });
  return found == std::end(kinds) ? nullptr : *found;
}

void write_collected(const profile_kind& kind, stack_profile& p, int debug, text_sink& to) {
  if (debug != 0 && kind.write_text != nullptr) {
    kind.write_text(p, to);
  } else if (debug == 0 && kind.scaled != nullptr) {
    const unsampled quiet;
    stack_profile scaled = kind.scaled(p);
    write_count_profile(scaled, 0, to);
  } else {
    write_count_profile(p, debug, to);
  }
}

void write_profile(const profile_kind& kind, int debug, const frame_registers* caller,
                   text_sink& to) {
  if (debug >= 2 && kind.dump != nullptr && kind.dump(debug, caller, to)) return;
  stack_profile p = kind.collect(caller);
  write_collected(kind, p, debug, to);
}

}  // namespace rt
TAUT_END_NAMESPACE
