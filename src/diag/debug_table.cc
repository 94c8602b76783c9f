// SPDX-License-Identifier: Apache-2.0
// The table is data, not code, and holds its texts: a core file need not contain read-only pages.
// It is written to when the runtime starts, so its pages are in every core.
//
// A change of a structure changes the offsets by itself. A field that gets another meaning or goes
// away needs a new version, and with it a new symbol, so that old readers say so and do not guess.
#include "diag/debug_table.h"

#include <elf.h>

#include <cstddef>
#include <type_traits>

#include "arch/context.h"
#include "base/clock.h"
#include "chan/chan_core.h"
#include "sched/diagnosis.h"
#include "sched/labels.h"
#include "sched/registry.h"
#include "sched/runtime_state.h"
#include "sched/wait_reason.h"
#include "sched/worker.h"
#include "taut/detail/lock_record.h"

#if defined(TAUT_GDB_SCRIPT)
// GDB runs this Python text when it opens a program with the static library in it. Not loaded into
// memory; goes away with the debug information.
asm(".pushsection .debug_gdb_scripts, \"MS\", %progbits, 1\n"
    ".byte 4\n"
    ".ascii \"taut_gdb.py\\n\"\n"
    ".incbin \"" TAUT_GDB_SCRIPT
    "\"\n"
    ".byte 0\n"
    ".popsection\n");
#endif

TAUT_BEGIN_NAMESPACE
namespace rt {
namespace {

constexpr taut_debug_field field(const char* name, std::size_t offset, std::size_t size) {
  taut_debug_field f{};
  std::size_t i = 0;
  for (; name[i] != 0; ++i) f.name[i] = name[i];  // too long: no constant expression
  f.name[i] = 0;
  f.offset = static_cast<std::uint32_t>(offset);
  f.size = static_cast<std::uint32_t>(size);
  return f;
}

static_assert(std::is_standard_layout_v<goroutine> && std::is_standard_layout_v<goroutine_slab> &&
              std::is_standard_layout_v<label_set> && std::is_standard_layout_v<site> &&
              std::is_standard_layout_v<detail::select_case> &&
              std::is_standard_layout_v<detail::lock_record>);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"  // worker and chan_core hide parts of members
#define TAUT_WHOLE(name, type) field(name, 0, sizeof(type))
#define TAUT_FIELD(name, type, member) field(name, offsetof(type, member), sizeof(type::member))
#define TAUT_G(member) TAUT_FIELD("goroutine." #member, goroutine, member)
#define TAUT_WORKER(member) TAUT_FIELD("worker." #member, worker, member)
#define TAUT_CHANNEL(member) TAUT_FIELD("channel." #member, chan_core, member)
#define TAUT_SAVED(name, offset) field("context." name, offset, 8)

static_assert(coarse_unit == 256, "goroutine.reason is the lowest byte of goroutine.wait_since");

constexpr taut_debug_field fields[] = {
    TAUT_WHOLE("goroutine", goroutine),
    TAUT_G(sp),
    TAUT_G(home),
    TAUT_G(state),
    // The lowest byte of the time, which is coarser than that.
    field("goroutine.reason", offsetof(goroutine, wait_began), 1),
    TAUT_G(claim),
    field("goroutine.queue", offsetof(goroutine, single) + offsetof(waiter, queue), sizeof(void*)),
    TAUT_G(wait_mask),
    TAUT_G(pinned),
    TAUT_G(bound),
    TAUT_G(dispatches),
    TAUT_G(wait_object),
    TAUT_G(wait_site),
    TAUT_G(wait_cases),
    TAUT_G(wait_case_list),
    field("goroutine.wait_since", offsetof(goroutine, wait_began), sizeof(std::int64_t)),
    TAUT_G(id),
    TAUT_G(parent),
    TAUT_G(created),
    TAUT_G(stack_low),
    TAUT_G(stack_high),
    TAUT_G(slot),
    TAUT_G(is_thread),
    TAUT_G(system),
    TAUT_G(labels),
    TAUT_G(name),
    TAUT_WHOLE("labels", label_set),
    TAUT_FIELD("labels.used", label_set, used),
    TAUT_FIELD("labels.text", label_set, text),
    TAUT_WHOLE("slab", goroutine_slab),
    TAUT_FIELD("slab.descriptors", goroutine_slab, descriptors),
    TAUT_FIELD("slab.count", goroutine_slab, count),
    TAUT_FIELD("slab.used", goroutine_slab, used),
    TAUT_WHOLE("worker", worker),
    TAUT_WORKER(shown),
    TAUT_WORKER(state),
    TAUT_WORKER(index),
    TAUT_WORKER(tid),
    TAUT_WHOLE("channel", chan_core),
    // Queues: a waiting goroutine's goroutine.queue points to one.
    field("channel.receivers", offsetof(chan_core, receivers), sizeof(void*)),
    field("channel.senders", offsetof(chan_core, senders), sizeof(void*)),
    TAUT_CHANNEL(closed),
    TAUT_CHANNEL(of_context),
    TAUT_CHANNEL(count),
    TAUT_CHANNEL(capacity),
    TAUT_CHANNEL(handles),
    TAUT_CHANNEL(maker),
    TAUT_CHANNEL(made),
    TAUT_WHOLE("case", detail::select_case),
    TAUT_FIELD("case.channel", detail::select_case, channel),
    TAUT_FIELD("case.sends", detail::select_case, sends),
    TAUT_WHOLE("lock", detail::lock_record),
    TAUT_FIELD("lock.state", detail::lock_record, state),
    TAUT_FIELD("lock.where", detail::lock_record, where),
    TAUT_FIELD("lock.caller", detail::lock_record, callers[0]),
    TAUT_FIELD("lock.second_caller", detail::lock_record, callers[1]),
    TAUT_FIELD("lock.third_caller", detail::lock_record, callers[2]),
    TAUT_WHOLE("site", detail::site_data),
    TAUT_FIELD("site.file", detail::site_data, file),
    TAUT_FIELD("site.function", detail::site_data, function),
    TAUT_FIELD("site.line", detail::site_data, line),
    // What a switch has saved at goroutine.sp; the caller's stack pointer is goroutine.sp plus the
    // size. context.h has the order, the tests compare.
    field("context", 0, context_size),
#if defined(__x86_64__)
    TAUT_SAVED("pc", 48),
    TAUT_SAVED("rbp", 40),
    TAUT_SAVED("rbx", 32),
    TAUT_SAVED("r12", 24),
    TAUT_SAVED("r13", 16),
    TAUT_SAVED("r14", 8),
    TAUT_SAVED("r15", 0),
#elif defined(__aarch64__)
    TAUT_SAVED("pc", 88),
    TAUT_SAVED("x19", 0),
    TAUT_SAVED("x20", 8),
    TAUT_SAVED("x21", 16),
    TAUT_SAVED("x22", 24),
    TAUT_SAVED("x23", 32),
    TAUT_SAVED("x24", 40),
    TAUT_SAVED("x25", 48),
    TAUT_SAVED("x26", 56),
    TAUT_SAVED("x27", 64),
    TAUT_SAVED("x28", 72),
    TAUT_SAVED("x29", 80),
    TAUT_SAVED("x30", 88),
    TAUT_SAVED("d8", 96),
    TAUT_SAVED("d9", 104),
    TAUT_SAVED("d10", 112),
    TAUT_SAVED("d11", 120),
    TAUT_SAVED("d12", 128),
    TAUT_SAVED("d13", 136),
    TAUT_SAVED("d14", 144),
    TAUT_SAVED("d15", 152),
#endif
};
#pragma GCC diagnostic pop

constexpr std::size_t field_count = sizeof fields / sizeof fields[0];
constexpr std::size_t text_width = 32;
constexpr std::size_t reason_count = static_cast<std::size_t>(wait_reason::count);
constexpr const char* state_texts[] = {"idle", "runnable", "running", "waiting", "blocking"};
constexpr const char* worker_state_texts[] = {"unborn", "running", "spinning", "idle",
                                              "sentry", "spare",   "ended"};
static_assert(std::size(state_texts) == static_cast<std::size_t>(goroutine_state::blocking) + 1);
static_assert(std::size(worker_state_texts) == static_cast<std::size_t>(worker_state::ended) + 1);

constexpr std::uint32_t machine =
#if defined(__x86_64__)
    EM_X86_64;
#elif defined(__aarch64__)
    EM_AARCH64;
#endif

}  // namespace

// The head, and what it refers to by offset.
struct whole_table {
  taut_debug_table head;
  taut_debug_field fields[field_count];
  char states[std::size(state_texts)][text_width];
  char worker_states[std::size(worker_state_texts)][text_width];
  char reasons[reason_count][text_width];
};

namespace {

constexpr void put(char (&to)[text_width], const char* text) {
  for (std::size_t i = 0; text[i] != 0; ++i) to[i] = text[i];
}

constexpr whole_table make_table() {
  whole_table t{};
  constexpr char magic[] = "taut debug table";
  for (std::size_t i = 0; i < sizeof t.head.magic; ++i) t.head.magic[i] = magic[i];
  t.head.version = 1;
  t.head.size = sizeof t;
  t.head.machine = machine;
  t.head.pointer_size = sizeof(void*);
  t.head.fields_offset = offsetof(whole_table, fields);
  t.head.field_count = field_count;
  t.head.field_size = sizeof(taut_debug_field);
  for (std::size_t i = 0; i < field_count; ++i) t.fields[i] = fields[i];
  t.head.states = {offsetof(whole_table, states), std::size(state_texts), text_width};
  for (std::size_t i = 0; i < std::size(state_texts); ++i) put(t.states[i], state_texts[i]);
  t.head.worker_states = {offsetof(whole_table, worker_states), std::size(worker_state_texts),
                          text_width};
  for (std::size_t i = 0; i < std::size(worker_state_texts); ++i)
    put(t.worker_states[i], worker_state_texts[i]);
  t.head.reasons = {offsetof(whole_table, reasons), reason_count, text_width};
  for (std::size_t i = 0; i < reason_count; ++i)
    put(t.reasons[i], to_text(static_cast<wait_reason>(i)));
  return t;
}

std::uint64_t address_of(const volatile void* p) noexcept {
  return reinterpret_cast<std::uintptr_t>(p);
}

}  // namespace

extern "C" {
extern TAUT_API whole_table taut_debug_table_v1;
__attribute__((used)) constinit whole_table taut_debug_table_v1 = make_table();
}

void publish_debug_table() noexcept {
  taut_debug_table& t = taut_debug_table_v1.head;
  const registry& all = the_registry();
  const runtime_state& r = the_runtime();
  t.slabs = address_of(all.slab_table());
  t.slab_count = address_of(all.slab_count());
  t.workers = address_of(&r.workers);
  t.worker_count = address_of(&r.worker_count);
  t.coarse_time = address_of(&coarse_time);
  t.stopped_at = 0;
  t.stopped_goroutine = 0;
  t.stopped_by = 0;
  t.self = address_of(&t);
}

void note_fatal_signal(int signal, std::uint64_t goroutine) noexcept {
  taut_debug_table& t = taut_debug_table_v1.head;
  t.stopped_at = now();
  t.stopped_goroutine = goroutine;
  t.stopped_by = static_cast<std::uint32_t>(signal);
}

const taut_debug_table& debug_table() noexcept { return taut_debug_table_v1.head; }

}  // namespace rt
TAUT_END_NAMESPACE
