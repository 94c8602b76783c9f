// SPDX-License-Identifier: Apache-2.0
#include "diag/sites.h"

#include <cstring>

#include "diag/safe_memory.h"

TAUT_BEGIN_NAMESPACE
namespace rt {

detail::site_data read_site(detail::site where) noexcept {
  detail::site_data d{};
  if (!where || !read_memory(where.data, &d, sizeof d)) return {};
  return d;
}

bool same_place(detail::site a, detail::site b) noexcept {
  if (a.data == b.data) return true;
  const detail::site_data one = read_site(a), other = read_site(b);
  return one.file == other.file && one.line == other.line;
}

}  // namespace rt
TAUT_END_NAMESPACE
