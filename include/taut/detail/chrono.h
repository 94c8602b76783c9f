// SPDX-License-Identifier: Apache-2.0
// Durations and clocks without calendars and formatting, which make <chrono> the dearest header of
// the standard library (0.6 s an include).
#pragma once

#if __has_include(<bits/chrono.h>)
#include <bits/chrono.h>
#else
#include <chrono>
#endif
