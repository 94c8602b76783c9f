// SPDX-License-Identifier: Apache-2.0
// Whether this build records what only diagnosis reads. Always, but for the build that measures
// what recording costs (CMake's TAUT_RECORDING=OFF): there every store, load and branch below is
// left out, and dumps, proofs, deadlock reports and profiles are empty or wrong.
//
//   goroutine    place and parent at birth; each wait's reason, object, place, time and context, a
//                select's cases; the cleared stack pointer, dispatches, states but `idle`
//   channel      place, maker; who sent, received and closed last, and before; who left it
//                and why; where the last handle was dropped; ticked
//   locks        place of lock(), return addresses of guards, the owner of a once, readers of a
//                shared_mutex, places of wait_group and condition, lost signals
//   context      place and maker; who ended it, where
//   worker       counters of steals, moves, refusals and sleeps; who started its thread; vector
//                registers cleared before it sleeps
//   samples      the look at the flag of the profile mutex; how long goroutines are
//                ready before they run; stall reports
//   in the user's code (public headers)
//                places of calls; check words of handles, and that they are wiped
//
// What is read by more than diagnosis stays: ids, names and labels (this_goroutine), owners of
// mutexes (misuse), the state `idle`, ticks and `shown` (stuck workers, deadlocks), counts of
// handles. Fields stay too, so sizes do not differ, and so do the places that functions take.
//
//   if constexpr (records) g->parent = ...;  // plain if, where it has the only use of something
#pragma once

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

#if defined(TAUT_UNRECORDED)
inline constexpr bool records = false;
#else
inline constexpr bool records = true;
#endif

}  // namespace rt
TAUT_END_NAMESPACE
