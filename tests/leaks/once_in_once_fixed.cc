// SPDX-License-Identifier: Apache-2.0
// quiet
// As once_in_once, without the call back.
#include "leak_program.h"

namespace {

taut::once& loaded = immortal<taut::once>();

void load() {}
void settings() { loaded.call(load); }

void scenario() { taut::go(settings); }

}  // namespace

int main() { return leak_main(scenario, 0); }
