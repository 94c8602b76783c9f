// SPDX-License-Identifier: Apache-2.0
// Unpacks gzip, as profiles and rotated logs are packed.
#include <zlib.h>

#include <algorithm>

#include "cli/error.h"
#include "cli/parse.h"

namespace taut::cli {

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

std::string gunzip(std::string_view bytes, const std::string& source) {
  z_stream z{};
  if (inflateInit2(&z, 15 + 16) != Z_OK)
    throw user_error("there is no memory to unpack " + source + "; close something and try again.");
  struct guard {
    z_stream& stream;
    ~guard() { inflateEnd(&stream); }
  } const ending{z};
  std::string out;
  char chunk[65536];
  int status = Z_OK;
  std::size_t given = 0;
  while (true) {
    if (z.avail_in == 0 && given < bytes.size()) {
      const std::size_t piece = std::min<std::size_t>(bytes.size() - given, 1u << 30);
      z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + given));
      z.avail_in = static_cast<uInt>(piece);
      given += piece;
    }
    z.next_out = reinterpret_cast<Bytef*>(chunk);
    z.avail_out = sizeof chunk;
    status = inflate(&z, Z_NO_FLUSH);
    out.append(chunk, sizeof chunk - z.avail_out);
    if (out.size() > most_bytes)
      throw user_error(source + " unpacks to more than " + std::to_string(most_bytes >> 30) +
                       " GiB; cut out the dump and try again.");
    if (status == Z_STREAM_END) {
      // A rotated log may be several packed files in a row.
      if (z.avail_in == 0 || *z.next_in != 0x1f) return out;
      if (inflateReset(&z) != Z_OK) break;
      continue;
    }
    if (status != Z_OK) break;
  }
  if (status == Z_BUF_ERROR)
    throw user_error(source + " is a gzip file that ends early; fetch it again, whole.");
  throw user_error(source + " is a damaged gzip file; fetch it again.");
}

}  // namespace taut::cli
