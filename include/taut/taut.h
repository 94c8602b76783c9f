// SPDX-License-Identifier: Apache-2.0
// All of taut. For programs; libraries and taut's own code include what they use. Bridges to other
// libraries are in taut/interop/.
#pragma once

// IWYU pragma: begin_exports
#include "taut/chan.h"
#include "taut/concurrent_map.h"
#include "taut/condition.h"
#include "taut/context.h"
#include "taut/debug.h"
#include "taut/diag.h"
#include "taut/export.h"
#include "taut/go.h"
#include "taut/heap.h"
#include "taut/io.h"
#include "taut/mutex.h"
#include "taut/net.h"
#include "taut/once.h"
#include "taut/panic.h"
#include "taut/pool.h"
#include "taut/result.h"
#include "taut/runtime.h"
#include "taut/scope.h"
#include "taut/select.h"
#include "taut/semaphore.h"
#include "taut/shared_mutex.h"
#include "taut/signal.h"
#include "taut/singleflight.h"
#include "taut/stream.h"
#include "taut/time.h"
#include "taut/version.h"
#include "taut/wait_group.h"
// IWYU pragma: end_exports
