// SPDX-License-Identifier: Apache-2.0
// What diag owes the scheduler: text for a dying process. Declared here and defined in diag, so
// that nothing is included upwards.
#pragma once

#include <cstddef>
#include <cstdint>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// Writes the stacks of all goroutines to a descriptor in Go's debug=2 form, the calling one first.
void write_goroutine_dump(int fd) noexcept;
// Reads what diag will need later (the list of loaded modules), while it is still safe to.
void prepare_diagnosis() noexcept;

// What follows is async-signal-safe.
struct fatal_signal;
// Keeps it where a reader of the core finds it.
void note_fatal_signal(int signal, std::uint64_t goroutine) noexcept;
// Writes to stderr what came and every goroutine. `help`: the watching thread may be asked for
// names.
void write_crash_report(const fatal_signal& what, bool help) noexcept;
// For the watching thread, whenever it was woken: writes the report that a crashed thread waits
// for, if one does. Not async-signal-safe.
void help_with_crash_report() noexcept;
// The watching thread itself got a fatal signal; true if that was while it helped.
bool crash_help_failed() noexcept;

}  // namespace rt
TAUT_END_NAMESPACE
