// SPDX-License-Identifier: Apache-2.0
// The command line. Every mistake gets one sentence with the remedy, and exit code 2.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "cli/error.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "taut/version.h"

namespace taut::cli {
namespace {

const std::vector<std::string> verbs{"dump", "goroutines", "top", "diff", "leaks", "help"};

constexpr const char* sources_help =
    "A SOURCE is the URL of a service (host:port, or all of it up to /debug/pprof/), a file with "
    "a\n"
    "dump (debug=0, 1, 2 or 3, a crash, SIGQUIT, also inside a log, also gzip), - for standard "
    "input,\n"
    "or of a taut program the number of a process or a core file.\n";

const char* example_of(std::string_view verb) {
  if (verb == "dump")
    return "  taut dump localhost:6060\n  kubectl logs pod | taut dump -\n  taut dump core\n";
  if (verb == "goroutines")
    return "  taut goroutines localhost:6060 --min-wait 5m\n  taut goroutines crash.txt --state "
           "send\n";
  if (verb == "top") return "  taut top localhost:6060\n";
  if (verb == "diff")
    return "  taut diff before.txt after.txt\n  taut diff localhost:6060 --after 30s\n"
           "Exit code: 0 clean, 1 growth found, 2 bad input.\n";
  return "  taut leaks localhost:6060\n  taut leaks crash.txt --more-than 20\n"
         "Exit code: 0 judged and nothing proved, 1 leaks proved, 2 bad input, 3 nobody judged.\n";
}

std::string version_text() {
  return "taut " + std::to_string(TAUT_VERSION_MAJOR) + "." + std::to_string(TAUT_VERSION_MINOR) +
         "." + std::to_string(TAUT_VERSION_PATCH) + "\n";
}

// Durations and percentages are read from text when everything else is known to be right.
struct texts {
  std::string min_wait, timeout, every, after, suspicion, wobble, colour = "auto", sort = "count";
  std::size_t width = 0;
};

std::int64_t duration(const std::string& option, const std::string& text) {
  if (const auto d = parse_duration(text)) return *d;
  throw user_error(option + " takes a duration as 500ms, 30s, 5m or 1h30m, not '" +
                   printable(text) + "'.");
}

class parser {
 public:
  parser() {
    app_.require_subcommand(0, 1);
    app_.set_help_flag();
    auto& dump = verb("dump", "Print the goroutines; equal stacks once.");
    one_source(dump);
    filters(dump);
    dump.add_flag("--raw", line_.given.raw, "as the source has it, unread");
    auto& goroutines = verb("goroutines", "A table: how many, in which state, how long, where.");
    one_source(goroutines);
    filters(goroutines);
    auto& top = verb("top", "What grows, live; once a second, until q is pressed.");
    one_source(top);
    top.add_option("--every", texts_.every, "time between looks")
        ->type_name("TIME")
        ->default_str("1s");
    top.add_flag("--once", line_.given.once,
                 "one table, and end; so it is too when the output is no terminal");
    top.add_option("--sort", texts_.sort, "count or growth")
        ->type_name("ORDER")
        ->check(CLI::IsMember({"count", "growth"}));
    auto& diff = verb("diff", "Growth per blocked place between two dumps, with a verdict.");
    diff.add_option("SOURCE", line_.given.sources, "before and after; or one URL and --after");
    choices(diff);
    diff.add_option("--after", texts_.after, "read the one URL again after this time")
        ->type_name("TIME");
    diff.add_option("--wobble", texts_.wobble, "growth that is normal")
        ->type_name("PERCENT")
        ->default_str("10%");
    diff.add_option("--min-growth", line_.given.growth.min_growth,
                    "goroutines that must come to one place to count")
        ->type_name("N")
        ->default_val(line_.given.growth.min_growth);
    auto& leaks = verb("leaks", "Goroutines that can never run again: proved, and suspected.");
    one_source(leaks);
    leaks.add_option("--min-wait", texts_.suspicion, "do not suspect what has waited less")
        ->type_name("TIME")
        ->default_str("1m");
    leaks
        .add_option("--more-than", line_.given.suspicion.more_than,
                    "suspect more than so many at one place")
        ->type_name("N")
        ->default_val(line_.given.suspicion.more_than);
    leaks.add_flag("--suspected-too", line_.given.suspected_fails,
                   "exit code 1 for suspicions too");
    for (CLI::App* each : app_.get_subcommands(nullptr)) common(*each);
  }

  command_line run(int argc, char** argv) {
    std::vector<std::string> words(argv + 1, argv + argc);
    if (words.empty()) return say(help(), bad_input, std::cerr);
    if (words[0] == "--version") return say(version_text(), 0, std::cout);
    if (words[0] == "-h" || words[0] == "--help") return say(help(), 0, std::cout);
    if (words[0] == "help") {
      if (words.size() == 1) return say(help(), 0, std::cout);
      known(words[1]);
      return say(help(words[1]), 0, std::cout);
    }
    known(words[0]);
    CLI::App* chosen = app_.get_subcommand(words[0]);
    line_.given.verb = words[0];
    std::reverse(words.begin(), words.end());
    try {
      app_.parse(words);
    } catch (const CLI::CallForHelp&) {
      return say(help(line_.given.verb), 0, std::cout);
    } catch (const CLI::ParseError& e) {
      throw user_error(message(*chosen, e));
    }
    finish(*chosen);
    return std::move(line_);
  }

 private:
  CLI::App& verb(const char* name, const char* what) {
    CLI::App& v = *app_.add_subcommand(name, what);
    v.set_help_flag("-h,--help", "this text");
    return v;
  }

  void one_source(CLI::App& v) {
    v.add_option("SOURCE", line_.given.sources, "URL, file, -, process or core");
  }

  void choices(CLI::App& v) {
    v.add_option("--state", line_.given.only.state, "only states that contain this")
        ->type_name("TEXT");
    v.add_option("--match", line_.given.only.match,
                 "only those with this in a function, a file or a label")
        ->type_name("TEXT");
  }

  void filters(CLI::App& v) {
    choices(v);
    v.add_option("--min-wait", texts_.min_wait, "only those that have waited so long")
        ->type_name("TIME");
    v.add_option("--sort", texts_.sort, "count, wait, state or place")
        ->type_name("ORDER")
        ->check(CLI::IsMember({"count", "wait", "state", "place"}));
  }

  void common(CLI::App& v) {
    v.add_flag("--json", line_.given.how.json, "for programs");
    v.add_option("--width", texts_.width, "columns; 0 shortens nothing")
        ->type_name("N")
        ->check(CLI::Range(0, 100000));
    v.add_option("--color", texts_.colour, "auto, always or never")
        ->type_name("WHEN")
        ->check(CLI::IsMember({"auto", "always", "never"}));
    v.add_option("--timeout", texts_.timeout, "for an answer of a URL")
        ->type_name("TIME")
        ->default_str("30s");
    v.add_option("--token", line_.given.reading.token, "bearer token; also TAUT_TOKEN")
        ->type_name("TEXT");
    v.add_flag("--insecure", line_.given.reading.insecure, "take any TLS certificate");
  }

  static void known(const std::string& word) {
    for (const std::string& v : verbs) {
      if (v == word) return;
    }
    const std::string near = nearest(word, verbs);
    throw user_error("there is no verb '" + printable(word) + "'" +
                     (near.empty() ? "; taut help lists all."
                                   : "; did you mean '" + near + "'? (taut help lists all)"));
  }

  std::string message(const CLI::App& v, const CLI::ParseError& e) const {
    std::string what = e.what();
    if (const auto* extra = dynamic_cast<const CLI::ExtrasError*>(&e); extra != nullptr) {
      std::vector<std::string> options;
      for (const CLI::Option* o : v.get_options()) {
        for (const std::string& name : o->get_lnames()) options.push_back("--" + name);
      }
      std::string word = v.remaining().empty() ? what : v.remaining().front();
      word = word.substr(0, word.find('='));
      const std::string near = word.starts_with("-") ? nearest(word, options) : std::string();
      what = "there is no option '" + printable(word) + "'";
      if (!near.empty()) what += "; did you mean '" + near + "'?";
    }
    while (!what.empty() && (what.back() == '\n' || what.back() == '.')) what.pop_back();
    for (char& c : what) {
      if (c == '\n') c = ' ';
    }
    return what + " (taut help " + v.get_name() + " tells more)";
  }

  void finish(const CLI::App& v) {
    arguments& a = line_.given;
    const std::size_t most = a.verb == "diff" ? 2 : 1;
    if (a.sources.empty())
      throw user_error("a SOURCE is missing (taut help " + a.verb + " tells more)");
    if (a.sources.size() > most)
      throw user_error("there is one source too many, '" + printable(a.sources[most]) +
                       "' (taut help " + a.verb + " tells more)");
    if (a.raw) {
      for (const char* option : {"--match", "--state", "--min-wait", "--sort", "--json"}) {
        if (v.count(option) != 0)
          throw user_error("--raw shows the source as it is: leave " + std::string(option) +
                           " out, or --raw.");
      }
    }
    if (!texts_.min_wait.empty()) a.only.min_wait = duration("--min-wait", texts_.min_wait);
    if (!texts_.suspicion.empty()) a.suspicion.min_wait = duration("--min-wait", texts_.suspicion);
    if (!texts_.timeout.empty()) {
      a.reading.timeout = duration("--timeout", texts_.timeout);
      a.timeout_given = true;
      if (a.reading.timeout == 0)
        throw user_error("--timeout must be more than 0, as in --timeout 30s.");
    }
    if (!texts_.every.empty()) {
      a.every = duration("--every", texts_.every);
      if (a.every < 100'000'000) throw user_error("--every must be at least 100ms.");
    }
    if (!texts_.after.empty()) a.after = duration("--after", texts_.after);
    if (!texts_.wobble.empty()) {
      std::string number = texts_.wobble;
      if (number.ends_with('%')) number.pop_back();
      const auto percent = parse_number(number);
      if (!percent || *percent > 1000)
        throw user_error("--wobble takes a percentage from 0 to 1000, as in --wobble 10%.");
      a.growth.wobble = static_cast<double>(*percent) / 100;
    }
    if (a.reading.token.empty()) {
      if (const char* token = std::getenv("TAUT_TOKEN")) a.reading.token = token;
    }
    if (texts_.sort == "wait") a.sorted = order::wait;
    if (texts_.sort == "state") a.sorted = order::state;
    if (texts_.sort == "place") a.sorted = order::place;
    a.by_growth = texts_.sort == "growth";
    const bool terminal = output_is_terminal();
    a.how.width = v.get_option("--width")->count() != 0 ? texts_.width
                  : terminal                            ? terminal_size().columns
                                                        : 0;
    const char* no_colour = std::getenv("NO_COLOR");
    a.how.colours.on = texts_.colour == "always" || (texts_.colour == "auto" && terminal &&
                                                     (no_colour == nullptr || *no_colour == 0));
  }

  std::string help() const {
    std::string text = "usage: taut VERB SOURCE [OPTION...]\n\n";
    for (const CLI::App* v : app_.get_subcommands(nullptr)) {
      std::string name = "  " + v->get_name();
      name.resize(14, ' ');
      text += name + v->get_description() + "\n";
    }
    text += "  help        This text; taut help VERB tells more.\n\n";
    return text + sources_help +
           "\nReads Go 1.19 to 1.27 and taut programs.\nExit code: 0 fine, 1 leaks or growth "
           "found, 2 bad input, 3 leaks not judged.\n";
  }

  std::string help(const std::string& name) const {
    if (name == "help") return help();
    const CLI::App* v = app_.get_subcommand(name);
    std::string text = "usage: taut " + name + (name == "diff" ? " SOURCE [SOURCE]" : " SOURCE") +
                       " [OPTION...]\n\n" + v->get_description() + "\n\n";
    for (const CLI::Option* o : v->get_options()) {
      if (o->get_positional()) continue;
      std::string left = "  " + o->get_name();
      for (std::size_t at; (at = left.find(',')) != left.npos;) left.replace(at, 1, " | ");
      const std::string type = o->get_type_name();  // and what may be given, after a colon
      if (o->get_items_expected_max() != 0) left += " " + type.substr(0, type.find(':'));
      left.resize(std::max<std::size_t>(left.size() + 2, 24), ' ');
      text += left + o->get_description();
      if (!o->get_default_str().empty()) text += " (" + o->get_default_str() + ")";
      text += "\n";
    }
    return text + "\n" + sources_help + "\nExamples:\n" + example_of(name);
  }

  static command_line say(const std::string& text, int status, std::ostream& to) {
    to << text;
    command_line line;
    line.done = true;
    line.status = status;
    return line;
  }

  CLI::App app_;
  command_line line_;
  texts texts_;
};

}  // namespace

command_line parse_arguments(int argc, char** argv) { return parser().run(argc, argv); }

}  // namespace taut::cli
