// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

/// The contestants of `scripts/peers`: both twins beside other pools, and what the machine can do at best.
namespace twinpool::bench::peers {

enum class Kind : std::uint8_t {
  kThreads,    ///< workers are threads
  kProcesses,  ///< workers are processes
  kLimit,      ///< no pool: what the machine allows
};

/// One contestant. A discipline that it cannot take part in is an empty function.
///
/// Every function runs whole in the calling thread, gives seconds, and throws std::runtime_error when a result
/// is wrong. Lifetime: what a function needs, it holds.
struct Peer {
  std::string name;
  Kind kind = Kind::kThreads;
  /// In what its work differs from the others'; empty: in nothing.
  std::string note = {};

  /// `tasks` empty tasks, of which at most `window` are unsettled, results taken in order; from so many
  /// `submitters`, each with a share of the tasks and a window of its own.
  std::function<double(std::size_t tasks, std::size_t window, int submitters)> windowed = {};
  /// The largest window that it can hold.
  std::size_t most_window = SIZE_MAX;
  /// Whether several threads may submit and each take its own results.
  bool shares_submitters = true;
  /// `tasks` tasks whose results nobody wants, until the last has run.
  std::function<double(std::size_t tasks)> forget = {};
  /// One empty task at a time: the nanoseconds of each.
  std::function<void(std::span<std::uint32_t> ns)> round_trips = {};
  /// fib(n), each call above 1 a task that submits two and waits for them.
  std::function<double(int n)> fib = {};
  /// `bytes` to a worker that reads one of each 4096, from memory that was written before; so many `rounds`.
  std::function<double(std::size_t bytes, std::size_t rounds)> send = {};
  /// As many from a worker, which has them already, to the caller, who reads one of each 4096.
  std::function<double(std::size_t bytes, std::size_t rounds)> fetch = {};
  /// There and back, where memory is shared and only a handle crosses.
  std::function<double(std::size_t bytes, std::size_t rounds)> share = {};
};

/// All contestants of this machine, started once and idle but for the one whose turn it is.
///
/// Takes:    `workers` of each; `python`: the script that runs Python's pools, empty: leave these out.
/// Requires: the program has one thread.
/// Errors:   std::system_error.
[[nodiscard]] std::vector<Peer> all_peers(int workers, const std::string& python);

/// Those whose workers are processes, and the limits. To be made before any thread is.
void add_process_peers(std::vector<Peer>& peers, int workers, const std::string& python);
void add_thread_peers(std::vector<Peer>& peers, int workers);
/// Those that no Debian package brings, where CMake has found them.
void add_found_peers(std::vector<Peer>& peers, int workers);

/// How many calls fib(n) makes, and its value.
[[nodiscard]] std::uint64_t calls_of_fib(int n);
[[nodiscard]] std::uint64_t value_of_fib(int n);

}  // namespace twinpool::bench::peers
