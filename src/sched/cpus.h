// SPDX-License-Identifier: Apache-2.0
// The cgroup half of usable_cpus(), apart from where the files lie.
#pragma once

#include <string>

#include "taut/export.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

// The CPUs that cgroup v2 grants `group` ("/a/b", or empty for the root): the smallest quota,
// rounded up, of the group and every level above it, in the hierarchy mounted at `root`. 0: no
// limit.
int cpus_of_cgroup(const std::string& root, std::string group);

}  // namespace rt
TAUT_END_NAMESPACE
