// SPDX-License-Identifier: Apache-2.0
// leak: proved R34 sync.Mutex.Lock
// The function of a once calls the once.
#include "leak_program.h"

namespace {

taut::once& loaded = immortal<taut::once>();

void settings();
void load() { settings(); }
void settings() { loaded.call(load); }

void scenario() { taut::go(settings); }

}  // namespace

int main() { return leak_main(scenario, 1); }
