// SPDX-License-Identifier: Apache-2.0
// Why a goroutine is stuck: the first row of a table whose predicate fits the recorded evidence. A
// new cause is a new row.
#pragma once

#include <cstdint>
#include <string>

#include "diag/frames.h"
#include "diag/proofs.h"
#include "diag/snapshot.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// What is known of one stuck goroutine.
struct evidence {
  const snapshot& s;
  const proofs& verdicts;
  std::uint32_t index;
  const goroutine_record& g;
  const channel_record* channel = nullptr;   // the first that it waits for
  bool sends = false;                        // it waits to send there
  const object_record* object = nullptr;     // any other object
  std::uint64_t owner_id = 0;                // of the lock it waits for
  const goroutine_record* owner = nullptr;   // nullptr: has ended, or no lock
  site locked = site{};                      // where the owner locked
  bool cycle = false;                        // following owners leads back to it
  const goroutine_record* holder = nullptr;  // another stuck goroutine with a handle to the channel
  bool proved = false;
};

evidence evidence_of(const proofs& verdicts, std::uint32_t index);

struct cause {
  const char* code;
  bool (*fits)(const evidence& e) noexcept;
  const char* explanation;  // with {placeholders}, see causes.cc
  const char* fix;
  // The other place; the channel's or the lock's when there is none.
  site (*culprit)(const evidence& e) noexcept;
};

// Never null: the last row fits everything.
const cause& cause_of(const evidence& e) noexcept;

// A template with its placeholders filled in.
std::string explain(const char* text, const evidence& e, frame_namer& names);

}  // namespace rt
TAUT_END_NAMESPACE
