// SPDX-License-Identifier: Apache-2.0
// Which kind of source an argument is; files and standard input.
#include "cli/source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/error.h"
#include "cli/leak_report.h"
#include "cli/parse.h"
#include "cli/text.h"

namespace taut::cli {
namespace {

std::string read_all(int fd, const std::string& name) {
  std::string bytes;
  char chunk[65536];
  while (true) {
    const ssize_t n = ::read(fd, chunk, sizeof chunk);
    if (n == 0) return bytes;
    if (n < 0) {
      if (errno == EINTR) continue;
      throw user_error("cannot read " + name + ": " + std::strerror(errno) + "; check what it is.");
    }
    bytes.append(chunk, static_cast<std::size_t>(n));
    if (bytes.size() > most_bytes)
      throw user_error(name + " is larger than " + std::to_string(most_bytes >> 30) +
                       " GiB; cut out the dump and try again.");
  }
}

struct descriptor {
  int fd;
  ~descriptor() {
    if (fd > 0) ::close(fd);
  }
};

class file_source final : public source {
 public:
  file_source(std::string bytes, std::string name)
      : bytes_(std::move(bytes)), name_(std::move(name)) {}
  dump read(detail) override { return parse_dump(bytes_, name_); }
  std::string read_raw() override { return is_gzip(bytes_) ? gunzip(bytes_, name_) : bytes_; }
  leak_answer read_leaks() override { return leaks_from_bytes(bytes_, name_); }
  bool live() const override { return false; }
  const std::string& name() const override { return name_; }

 private:
  std::string bytes_;
  std::string name_;
};

// An ELF file whose type, at byte 16 in its own byte order, is "core".
bool is_core(const std::string& head) {
  return head.size() >= 18 &&
         head.starts_with(
             "\x7f"
             "ELF") &&
         head[head[5] == 2 ? 17 : 16] == 4;
}

}  // namespace

std::unique_ptr<source> open_file(const std::string& path) {
  if (path == "-") {
    if (::isatty(0) != 0)
      throw user_error("'-' reads standard input, and that is a terminal; pipe a dump into it.");
    return std::make_unique<file_source>(read_all(0, "standard input"), "standard input");
  }
  const descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0)
    throw user_error("cannot open " + path + ": " + std::strerror(errno) + "; check the name.");
  struct stat about{};
  if (::fstat(file.fd, &about) == 0 && S_ISDIR(about.st_mode))
    throw user_error(path + " is a directory; name a file in it.");
  std::string head(18, '\0');
  if (S_ISREG(about.st_mode) &&
      ::pread(file.fd, head.data(), head.size(), 0) == static_cast<ssize_t>(head.size()) &&
      is_core(head)) {
    return open_core(path);
  }
  return std::make_unique<file_source>(read_all(file.fd, path), path);
}

leak_answer leaks_from_bytes(const std::string& bytes, const std::string& name) {
  leak_answer answer;
  if (is_leak_report(bytes)) {
    answer.report = bytes;
    return answer;
  }
  answer.goroutines = parse_dump(bytes, name);
  answer.asked_collector = answer.goroutines.leak_profile;
  for (const goroutine& g : answer.goroutines.goroutines) answer.asked_collector |= g.leaked;
  answer.note =
      "this dump does not say who could still wake whom; give the URL of the running service, its "
      "debug=3 (taut), or its goroutineleak profile.";
  return answer;
}

std::unique_ptr<source> open_source(const std::string& argument, const source_options& options) {
  if (argument.empty())
    throw user_error("a source is empty; name a URL, a file, - for standard input, or a process.");
  if (argument == "-") return open_file(argument);
  const bool scheme = argument.find("://") != argument.npos;
  struct stat about{};
  if (!scheme && ::stat(argument.c_str(), &about) == 0) return open_file(argument);
  if (const auto pid = parse_number(argument)) return open_process(*pid);
  // host:port and host/path are URLs without a scheme; the rest was meant to be a file.
  const bool host = argument[0] != '/' && argument[0] != '.' &&
                    (argument.find(':') != argument.npos ||
                     argument.find("/debug/pprof") != argument.npos || argument == "localhost");
  if (!scheme && !host)
    throw user_error("there is no file " + argument +
                     "; check the name, or give a URL as host:port.");
  return open_url(argument, options);
}

}  // namespace taut::cli
