// SPDX-License-Identifier: Apache-2.0
// What is known of one stuck goroutine, and the words for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "diag/frames.h"
#include "diag/proofs.h"
#include "diag/seen_objects.h"
#include "diag/snapshot.h"
#include "diag/wait_graph.h"
#include "taut/diag.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// How a goroutine that waits for its own lock came to lock it twice.
enum class relock : std::uint8_t {
  none,
  nested,  // what locked first is still under way, and called what locks again; or a guard locked
  left,    // what locked first has returned, or locks again itself
};

struct evidence {
  const snapshot& s;
  const proofs& verdicts;
  const wait_graph& graph;
  std::uint32_t index;
  const goroutine_record& g;
  bool proved = false;

  const channel_record* channel = nullptr;  // the first that it waits for
  bool sends = false;                       // it waits to send there
  std::uint32_t cases = 0;                  // of a select that are not nil
  bool only_receives = true;                // all of them
  const object_record* object = nullptr;    // any other object
  const context_record* context = nullptr;  // whose end it waits for

  std::uint64_t owner_id = 0;               // of the lock it waits for, or a reader
  const goroutine_record* owner = nullptr;  // nullptr: has ended, or no lock
  std::optional<seen_lock> lock = {};       // it waits for
  relock again = relock::none;

  // Who gave up last on the other side of the channel.
  const leaving_record& left() const noexcept {
    return sends ? channel->receiver_left : channel->sender_left;
  }

  std::uint8_t circle = 0;                    // wait_kind bits; 0: it is in none
  const goroutine_record* partner = nullptr;  // whom it waits for, see wait_graph
  std::uint32_t partner_index = mapped_index::none;
  const goroutine_record* lock_waiter = nullptr;  // in the circle, for a lock that it holds
  std::optional<seen_lock> held = {};             // that lock
};

evidence evidence_of(const proofs& verdicts, const wait_graph& graph, std::uint32_t index,
                     frame_namer& names);

// Where a goroutine waits: the place recorded, or, when a header of the system called for it
// (std::scoped_lock), the first frame outside.
code_place blocked_place(const snapshot& s, const goroutine_record& g, frame_namer& names);
// One of the places that a template may name. See causes.cc for the keys.
code_place place_of(std::string_view key, const evidence& e, frame_namer& names);
// A template with its placeholders filled in.
std::string explain(const char* text, const evidence& e, frame_namer& names);
// Why it cannot wake, as a verdict says it; of a suspected one, what that leaves open.
std::string evidence_text(const evidence& e);

}  // namespace rt
TAUT_END_NAMESPACE
