// SPDX-License-Identifier: Apache-2.0
// Goroutine dumps in Go's debug=2 text, made from a snapshot.
#pragma once

#include <string>

#include "diag/frames.h"
#include "diag/proofs.h"
#include "diag/snapshot.h"
#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Takes text, keeps or writes it.
class text_sink {
 public:
  virtual void write(std::string_view text) = 0;

 protected:
  ~text_sink() = default;
};

// The words in the brackets: "chan send", "running".
const char* status_of(const goroutine_record& g) noexcept;
// Go's word for its state, whatever it waits for.
const char* state_of(const goroutine_record& g) noexcept;
// One goroutine's block, without the blank line after it.
std::string dump_block(const snapshot& s, const goroutine_record& g, frame_namer& names,
                       bool leaked = false);
// Every goroutine: the one that took the snapshot first, then as the registry has them. Those that
// `verdicts` has proved are marked as leaked.
void dump_all(const snapshot& s, text_sink& to, const proofs* verdicts = nullptr);

}  // namespace rt
TAUT_END_NAMESPACE
