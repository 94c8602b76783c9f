// SPDX-License-Identifier: Apache-2.0
// The terminal. Signals that end or resize only write a byte into a pipe, which wait() polls.
#include "cli/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "cli/error.h"

namespace taut::cli {
namespace {

int signal_pipe[2] = {-1, -1};
termios before;
struct sigaction old_int, old_term, old_hup, old_size;

void on_signal(int number) {
  const int saved = errno;
  const char byte = number == SIGWINCH ? 'w' : 'q';
  [[maybe_unused]] const ssize_t n = ::write(signal_pipe[1], &byte, 1);
  errno = saved;
}

}  // namespace

bool output_is_terminal() { return ::isatty(1) != 0; }

screen_size terminal_size() {
  screen_size size;
  winsize w{};
  if (::ioctl(1, TIOCGWINSZ, &w) == 0 && w.ws_col != 0 && w.ws_row != 0) {
    size.columns = w.ws_col;
    size.rows = w.ws_row;
  }
  return size;
}

void print(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(1, text.data(), text.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE) std::exit(0);
      throw user_error("cannot write the output; check that there is room.");
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

live_screen::live_screen() {
  if (::pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0 || ::tcgetattr(0, &before) != 0)
    throw user_error("the terminal cannot be used; run taut top --once instead.");
  struct sigaction action{};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, &old_int);
  ::sigaction(SIGTERM, &action, &old_term);
  ::sigaction(SIGHUP, &action, &old_hup);
  ::sigaction(SIGWINCH, &action, &old_size);
  termios raw = before;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(0, TCSANOW, &raw);
  print("\x1b[?1049h\x1b[?25l");  // the other screen, no cursor
}

live_screen::~live_screen() {
  try {
    print("\x1b[?25h\x1b[?1049l");
  } catch (const user_error&) {
    // Nobody looks any more.
  }
  ::tcsetattr(0, TCSANOW, &before);
  ::sigaction(SIGINT, &old_int, nullptr);
  ::sigaction(SIGTERM, &old_term, nullptr);
  ::sigaction(SIGHUP, &old_hup, nullptr);
  ::sigaction(SIGWINCH, &old_size, nullptr);
  ::close(signal_pipe[0]);
  ::close(signal_pipe[1]);
}

void live_screen::draw(std::string_view text) {
  // Each line clears its own rest and the last one what is below: no flicker.
  std::string out = "\x1b[H";
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    out += text.substr(0, end);
    out += "\x1b[K";
    if (end == text.npos) break;
    text.remove_prefix(end + 1);
    if (!text.empty()) out += "\r\n";
  }
  print(out + "\x1b[J");
}

void live_screen::wake() {
  const char byte = 'w';
  [[maybe_unused]] const ssize_t n = ::write(signal_pipe[1], &byte, 1);
}

live_screen::event live_screen::wait(int milliseconds) {
  using namespace std::chrono;
  const auto end = steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (true) {
    const auto left = duration_cast<std::chrono::milliseconds>(end - steady_clock::now()).count();
    if (left <= 0) return event::time;
    pollfd both[2] = {{0, POLLIN, 0}, {signal_pipe[0], POLLIN, 0}};
    if (::poll(both, 2, static_cast<int>(left)) < 0 && errno != EINTR) return event::quit;
    char bytes[64];
    if ((both[1].revents & POLLIN) != 0) {
      const ssize_t n = ::read(signal_pipe[0], bytes, sizeof bytes);
      bool woken = false;
      for (ssize_t i = 0; i < n; ++i) {
        if (bytes[i] == 'q') return event::quit;
        woken = true;
      }
      if (woken) return event::woken;
    }
    if ((both[0].revents & (POLLHUP | POLLERR)) != 0) return event::quit;
    if ((both[0].revents & POLLIN) != 0) {
      const ssize_t n = ::read(0, bytes, sizeof bytes);
      if (n == 0) return event::quit;
      for (ssize_t i = 0; i < n; ++i) {
        if (bytes[i] == 'q' || bytes[i] == 'Q' || bytes[i] == 3 || bytes[i] == 4)
          return event::quit;
      }
    }
  }
}

}  // namespace taut::cli
