// SPDX-License-Identifier: Apache-2.0
// What standard output is, and a screen to draw on.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace taut::cli {

struct screen_size {
  std::size_t columns = 80, rows = 24;
};

bool output_is_terminal();
screen_size terminal_size();

// Escapes, or nothing where they would only be noise.
struct palette {
  bool on = false;
  std::string bold(std::string_view text) const { return wrap("1", text); }
  std::string red(std::string_view text) const { return wrap("31", text); }
  std::string green(std::string_view text) const { return wrap("32", text); }
  std::string faint(std::string_view text) const { return wrap("2", text); }

 private:
  std::string wrap(const char* code, std::string_view text) const {
    if (!on) return std::string(text);
    return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
  }
};

// How a command prints.
struct look {
  std::size_t width = 0;  // columns; 0: no limit
  palette colours;
  bool json = false;
};

// Writes all of it to standard output; a reader that left ends the process quietly.
void print(std::string_view text);

// Takes the terminal over while it lives: other screen, no echo, keys at once.
class live_screen {
 public:
  live_screen();
  ~live_screen();
  live_screen(const live_screen&) = delete;
  live_screen& operator=(const live_screen&) = delete;

  void draw(std::string_view text);
  // Waits for a key, the time (milliseconds), a signal that ends, a new size, or wake(). What ended
  // it:
  enum class event { quit, time, woken };
  event wait(int milliseconds);
  // From any thread.
  void wake();
};

}  // namespace taut::cli
