// SPDX-License-Identifier: Apache-2.0
// The `taut` command: reads goroutine dumps of Go and taut programs, running or saved.
#include <signal.h>

#include <exception>
#include <iostream>
#include <new>

#include "cli/error.h"
#include "cli/verbs.h"

int main(int argc, char** argv) {
  using namespace taut::cli;
  // A reader that leaves, as head does, or a server that hangs up ends a write, not the process.
  ::signal(SIGPIPE, SIG_IGN);
  try {
    const command_line line = parse_arguments(argc, argv);
    if (line.done) return line.status;
    const arguments& a = line.given;
    if (a.verb == "dump") return dump_verb(a);
    if (a.verb == "goroutines") return goroutines_verb(a);
    if (a.verb == "top") return top_verb(a);
    if (a.verb == "diff") return diff_verb(a);
    return leaks_verb(a);
  } catch (const user_error& e) {
    std::cerr << "taut: " << e.what() << '\n';
  } catch (const std::bad_alloc&) {
    std::cerr << "taut: there is not enough memory for this dump; cut it, or ask for debug=1.\n";
  } catch (const std::exception& e) {
    std::cerr << "taut: unexpected: " << e.what() << "; please report this with the input.\n";
  }
  return bad_input;
}
