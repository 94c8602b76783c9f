// SPDX-License-Identifier: Apache-2.0
// std::function, std::hash and std::equal_to without searchers and binders, which <functional>
// adds.
#pragma once

#if __has_include(<bits/std_function.h>) && __has_include(<bits/functional_hash.h>)
#include <bits/functional_hash.h>
#include <bits/std_function.h>
#else
#include <functional>
#endif
