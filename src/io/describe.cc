// SPDX-License-Identifier: Apache-2.0
// Errors in sentences, with what to do about them. The remedies are a table: add a line for an
// error people stumble over.
#include <errno.h>

#include <string>

#include "taut/net.h"

TAUT_BEGIN_NAMESPACE
namespace {

struct remedy {
  std::string_view operation;  // empty: any
  std::error_code error;
  std::string_view text;
};

std::error_code system_error(int e) { return {e, std::system_category()}; }

std::string_view remedy_for(std::string_view operation, std::string_view network,
                            std::error_code why) {
  const bool is_unix = network == "unix";
  const remedy known[] = {
      {"listen", system_error(EADDRINUSE),
       is_unix
           ? "the socket's file exists: remove it if no process listens there, or use another path"
           : "another socket listens there: stop it, use another port, or port 0 for a free one; "
             "ss -ltnp shows who it is"},
      {"listen", system_error(EACCES),
       is_unix ? "no permission to create the socket's file there"
               : "ports below 1024 need CAP_NET_BIND_SERVICE: use a higher one"},
      {"listen", system_error(EADDRNOTAVAIL),
       "this machine does not have that address: ip address shows those it has"},
      {"listen", system_error(ENOENT), "the directory of the socket's file does not exist"},
      {"dial", system_error(ECONNREFUSED),
       is_unix ? "no process listens on that socket's file" : "nothing listens on that port"},
      {"dial", system_error(ENOENT), "no such socket's file: is the server running?"},
      {"dial", system_error(EADDRNOTAVAIL),
       "no local port is free: connections are opened and closed too fast"},
      {"", system_error(EMFILE),
       "this process has too many descriptors open: raise ulimit -n, or close some"},
      {"", system_error(ENFILE), "the system has too many files open: raise fs.file-max"},
      {"", system_error(EINVAL),
       "networks are tcp, tcp4, tcp6 and unix; a backlog is not negative"},
      {"", errc::bad_address,
       is_unix ? "a socket's path has 1 to 107 bytes"
               : "write host:port, with brackets around an IPv6 address: [::1]:80; or the host has "
                 "no address"},
      {"", errc::unavailable,
       "the name server does not answer, or memory or descriptors are used up"},
  };
  for (const remedy& r : known) {
    if ((r.operation.empty() || r.operation == operation) && r.error == why) return r.text;
  }
  return {};
}

}  // namespace

std::string describe(std::string_view operation, std::string_view network, std::string_view address,
                     std::error_code why) {
  std::string text;
  text.append(operation).append(" ").append(network).append(" ").append(address).append(": ");
  text.append(why.message());
  if (const std::string_view help = remedy_for(operation, network, why); !help.empty()) {
    text.append(" (").append(help).append(")");
  }
  return text;
}

TAUT_END_NAMESPACE
