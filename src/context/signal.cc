// SPDX-License-Identifier: Apache-2.0
// notify_context. The handler writes the signal's number into a pipe; a thread of its own reads it
// and ends the contexts. The thread is started with the first watch and stays: it sleeps in read().
//
// Locks        A std::mutex guards the watches and the dispositions. It is held for bookkeeping and
// sigaction() only, never while a context ends.
#include "taut/signal.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include "context/context_node.h"
#include "taut/panic.h"

TAUT_BEGIN_NAMESPACE

using namespace rt;

signal_received::~signal_received() = default;

namespace {

constexpr int most_signals = 65;
std::atomic<int> pipe_in{-1};

void handle(int number) {
  const int saved = errno;
  const auto byte = static_cast<unsigned char>(number);
  static_cast<void>(::write(pipe_in.load(), &byte, 1));
  errno = saved;
}

std::exception_ptr cause_of(int number) {
  const char* words = ::sigdescr_np(number);
  std::string text = words != nullptr ? words : "signal " + std::to_string(number);
  text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return std::make_exception_ptr(signal_received(number, text + " signal received"));
}

struct watch {
  canceler_node* node;  // borrowed: it removes the watch when it ends
  std::vector<int> signals;
};

class watches {
 public:
  void add(canceler_node* n, std::vector<int> signals) {
    std::lock_guard hold_guard(guard_);
    start_reader();
    list_.push_back({n, std::move(signals)});
    for (const int s : list_.back().signals) {
      if (users_[static_cast<std::size_t>(s)]++ != 0) continue;
      struct sigaction mine = {};
      mine.sa_handler = handle;
      mine.sa_flags = SA_RESTART;
      ::sigaction(s, &mine, &before_[static_cast<std::size_t>(s)]);
    }
  }
  void remove(canceler_node* n) {
    std::lock_guard hold_guard(guard_);
    for (auto at = list_.begin(); at != list_.end(); ++at) {
      if (at->node != n) continue;
      for (const int s : at->signals) {
        if (--users_[static_cast<std::size_t>(s)] == 0)
          ::sigaction(s, &before_[static_cast<std::size_t>(s)], nullptr);
      }
      list_.erase(at);
      return;
    }
  }
  void end_all(int number) {
    std::vector<canceler_node*> ending;
    {
      std::lock_guard hold_guard(guard_);
      for (const watch& w : list_) {
        for (const int s : w.signals) {
          if (s != number) continue;
          w.node->ref();
          ending.push_back(w.node);
          break;
        }
      }
    }
    for (canceler_node* n : ending) {
      end_context(n, {context_state::canceled, cause_of(number), n->made, false});
      unref(n);
    }
  }

 private:
  void start_reader() {
    if (started_) return;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      throw std::system_error(errc::unavailable, "taut::notify_context: no descriptors");
    }
    // A handler must not block; a full pipe holds enough signals already.
    ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
    out_ = ends[0];
    pipe_in.store(ends[1]);
    sigset_t all, old;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_t thread;
    const int error = ::pthread_create(
        &thread, nullptr,
        [](void* self) -> void* {
          static_cast<watches*>(self)->read_all();
          return nullptr;
        },
        this);
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    if (error != 0) {
      ::close(ends[0]);
      ::close(ends[1]);
      throw std::system_error(errc::unavailable, "taut::notify_context: no thread");
    }
    ::pthread_setname_np(thread, "taut/signal");
    ::pthread_detach(thread);
    started_ = true;
  }
  void read_all() {
    for (;;) {
      unsigned char number;
      if (::read(out_, &number, 1) == 1) end_all(number);
    }
  }

  std::mutex guard_;
  std::vector<watch> list_;
  std::array<int, most_signals> users_{};
  std::array<struct sigaction, most_signals> before_{};
  bool started_ = false;
  int out_ = -1;
};

watches& the_watches() {
  // Never destroyed: its thread outlives main().
  static watches* const w = new watches;
  return *w;
}

bool watchable(int s) noexcept {
  switch (s) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
    case SIGABRT:
      return false;
    default:
      return s > 0 && s < most_signals;
  }
}

}  // namespace

cancelable notify_context(const context& parent, std::initializer_list<int> signals,
                          detail::site where) {
  std::vector<int> wanted;
  for (const int s : signals) {
    if (!watchable(s))
      throw panic("notify_context: signal " + std::to_string(s) + " cannot be watched");
    bool twice = false;
    for (const int t : wanted) twice = twice || s == t;
    if (!twice) wanted.push_back(s);
  }
  canceler_node* n = make_canceler(parent, context_kind::signal, where);
  cancelable made = hand_out(n);
  the_watches().add(n, std::move(wanted));
  auto* at_end = new end_function;
  at_end->direct = true;
  at_end->f = [n] { the_watches().remove(n); };
  n->ref();
  at_end->node = n;
  if (!add_function(at_end)) the_watches().remove(n);
  leave_function(at_end);
  return made;
}

TAUT_END_NAMESPACE
