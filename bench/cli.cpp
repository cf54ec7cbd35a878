// SPDX-License-Identifier: Apache-2.0
#include "bench/cli.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <system_error>
#include <vector>

#include "bench/nearest_name.h"
#include "bench/version.h"

namespace twinpool::bench {
namespace {

void complain(std::string_view sentence) { fmt::print(stderr, "twinpool: {}\n", sentence); }

std::vector<std::string> names_of(std::span<const Command> commands) {
  std::vector<std::string> names;
  for (const Command& command : commands) names.emplace_back(command.name);
  return names;
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return flags;
}

/// CLI11 says of a misspelt command that a subcommand is required; people want to hear which one they meant.
void check_command(std::span<const Command> commands, int argc, const char* const* argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  const auto names = names_of(commands);
  if (std::find(names.begin(), names.end(), argv[1]) != names.end()) return;
  throw UsageError(fmt::format("unknown command '{}'{}", argv[1], suggest_name(argv[1], names)));
}

[[noreturn]] void reject_extra(const CLI::App& app, const std::string& extra) {
  if (extra.size() > 1 && extra[0] == '-') {
    const std::string flag = extra.substr(0, extra.find('='));
    throw UsageError(fmt::format("unknown flag '{}'{}", flag, suggest_name(flag, flags_of(app))));
  }
  throw UsageError(fmt::format("'{}' takes no argument '{}'", app.get_name(), extra));
}

void parse(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success&) {
    throw;
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string text = error.what();
    throw UsageError(text.substr(0, text.find(':')) + " needs a value");
  } catch (const CLI::ParseError& error) {
    throw UsageError(error.what());
  }
  for (const CLI::App* parsed : app.get_subcommands()) {
    if (const auto extras = parsed->remaining(); !extras.empty()) reject_extra(*parsed, extras.front());
  }
  if (const auto extras = app.remaining(); !extras.empty()) reject_extra(app, extras.front());
}

int run(std::span<const Command> commands, int argc, const char* const* argv) {
  CLI::App app("Compares two worker pools that differ in one thing: threads or processes.", "twinpool");
  app.set_version_flag("--version", std::string("twinpool ") + kVersion);
  app.footer(
      "Exit codes: 0 ok, 1 internal failure, 2 usage, 3 gate failed, 4 machine unfit, 5 wrong results,\n"
      "6 undecided with --strict, 130 interrupted.\n"
      "Try: twinpool bench, or twinpool COMMAND --help");
  app.allow_extras();
  app.require_subcommand(0, 1);  // after the first, a command's name is an argument: `list faults`
  std::vector<std::function<int()>> bodies;
  std::vector<CLI::App*> parsers;
  for (const Command& command : commands) {
    CLI::App* const parser = app.add_subcommand(std::string(command.name), std::string(command.sentence));
    parser->footer(std::string(command.examples));
    parser->allow_extras();
    parsers.push_back(parser);
    bodies.push_back(command.set_up(*parser));
  }
  try {
    check_command(commands, argc, argv);
    parse(app, argc, argv);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);  // --help or --version: prints it
  }
  for (std::size_t i = 0; i < parsers.size(); ++i) {
    if (parsers[i]->parsed()) return bodies[i]();
  }
  fmt::print("{}", app.help());
  return kExitUsage;
}

}  // namespace

int run_cli(std::span<const Command> commands, int argc, const char* const* argv) {
  try {
    const int code = run(commands, argc, argv);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      complain("cannot write to standard output");
      return code == kExitOk ? kExitInternal : code;
    }
    return code;
  } catch (const CommandError& error) {
    complain(error.what());
    return error.code();
  } catch (const std::system_error& error) {
    complain(error.what());
    return kExitUnfit;
  } catch (const std::bad_alloc&) {
    complain("not enough memory");
    return kExitUnfit;
  } catch (const std::exception& error) {
    complain(fmt::format("internal failure: {}", error.what()));
    return kExitInternal;
  }
}

}  // namespace twinpool::bench
