// SPDX-License-Identifier: Apache-2.0
// Goroutines as profiles see them.
#pragma once

#include <memory>
#include <string>

#include "arch/unwind.h"
#include "debug/stack_profile.h"
#include "diag/dump.h"
#include "diag/proofs.h"
#include "diag/snapshot.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Two looks, a moment apart, and the verdict on everybody.
struct leak_look {
  explicit leak_look(const frame_registers* caller);

  const snapshot before, now;
  const proofs verdicts;
};

// A goroutine's labels, and its name as the label "name" unless the program has set one of
// that key: key NUL value NUL ..., sorted.
void append_labels(std::string& to, const snapshot& s, const goroutine_record& g);

// debug=3. One object: what was looked at, every goroutine, every object that somebody waits for.
// `only_leaks`: goroutines that are proved or suspected to be stuck.
void write_json(const leak_look& look, bool only_leaks, text_sink& to);

}  // namespace rt
TAUT_END_NAMESPACE
