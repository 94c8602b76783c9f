// SPDX-License-Identifier: Apache-2.0
// std::unique_lock without the mutexes and call_once of <mutex>.
#pragma once

#if __has_include(<bits/unique_lock.h>)
#include <bits/unique_lock.h>
#else
#include <mutex>
#endif
