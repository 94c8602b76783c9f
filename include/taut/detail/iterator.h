// SPDX-License-Identifier: Apache-2.0
// Iterator tags and the default sentinel without stream iterators, for which <iterator> includes
// locales and stream buffers.
#pragma once

#if __has_include(<bits/stl_iterator.h>)
#include <bits/stl_iterator.h>
#include <bits/stl_iterator_base_types.h>
#else
#include <iterator>
#endif
