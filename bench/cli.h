// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

/// Only declared here: each file that sees the whole of CLI11 takes five seconds longer to compile.
namespace CLI {
class App;
}

/// The command line: subcommands, what they have in common, and how they end.
namespace twinpool::bench {

/// What the program's exit code says; 128 + a signal's number says that the signal ended it (130: Ctrl-C).
enum ExitCode : int {
  kExitOk = 0,
  kExitInternal = 1,  ///< the program is broken
  kExitUsage = 2,     ///< the command line cannot be followed
  kExitGate = 3,      ///< a gate failed: something became worse than it may
  kExitUnfit = 4,     ///< the machine lacks or refuses something
  kExitWrong = 5,     ///< a pool gave a wrong result
  kExitUndecided = 6, ///< with --strict: too noisy to decide a gate
  kExitSignal = 128,
};

/// Ends a command with one sentence on standard error and `code()`.
class CommandError : public std::runtime_error {
 public:
  CommandError(ExitCode code, const std::string& sentence) : std::runtime_error(sentence), code_(code) {}
  [[nodiscard]] ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};
/// The user asked for something that cannot be.
struct UsageError : CommandError {
  explicit UsageError(const std::string& sentence) : CommandError(kExitUsage, sentence) {}
};
/// The machine does not give what is needed.
struct UnfitError : CommandError {
  explicit UnfitError(const std::string& sentence) : CommandError(kExitUnfit, sentence) {}
};

/// One subcommand.
struct Command {
  std::string_view name;
  std::string_view sentence;
  std::string_view examples;  ///< the footer of its --help
  /// Adds its flags to `app`, and gives what to run once they are parsed; that gives the exit code or throws
  /// CommandError. What the flags are stored in must live in the closure.
  std::function<int()> (*set_up)(CLI::App& app);
};

/// Parses the arguments, runs the command they name, and turns every error into one sentence and an exit
/// code.
int run_cli(std::span<const Command> commands, int argc, const char* const* argv);

}  // namespace twinpool::bench
