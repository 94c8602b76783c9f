// SPDX-License-Identifier: Apache-2.0
// Why a goroutine is stuck: the first row of a table whose predicate fits the recorded evidence. A
// new cause is a new row.
#pragma once

#include <string>

#include "diag/evidence.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

struct cause {
  const char* code;  // of docs/reference/diag.md; "": that of whom it waits for
  bool (*fits)(const evidence& e) noexcept;
  const char* explanation;  // with {placeholders}, see causes.cc
  const char* fix;          // "": as the code
  const char* culprit;      // the other place: a placeholder
};

// A row, and the code and the fix that it means here.
struct diagnosis {
  const cause* row;
  const char* code;
  const char* fix;
};

// Never fails: the last row fits everything.
diagnosis diagnose(const evidence& e, frame_namer& names);

}  // namespace rt
TAUT_END_NAMESPACE
