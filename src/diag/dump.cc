// SPDX-License-Identifier: Apache-2.0
// Goroutine dumps in Go's debug=2 form.
#include <unistd.h>

#include <cstdio>

#include "arch/unwind.h"
#include "base/check.h"
#include "sched/diagnosis.h"
#include "sched/registry.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

void prepare_diagnosis() noexcept { refresh_modules(); }

void write_goroutine_dump(int fd) noexcept {
  the_registry().for_each([&](goroutine& g) {
    const auto id = g.id.load();
    if (id == 0) return;
    char text[512];
    const char* file = g.wait_file.load();
    std::snprintf(text, sizeof text, "goroutine %llu [%s]:\n\t%s:%u\n\n", static_cast<unsigned long long>(id),
                  to_text(g.reason.load()), file != nullptr ? file : "?", g.wait_line.load());
    write_all(fd, text);
  });
}

}  // namespace rt
TAUT_END_NAMESPACE
