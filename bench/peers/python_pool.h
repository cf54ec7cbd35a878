// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

namespace twinpool::bench::peers {

/// One of Python's process pools, in a Python of its own that takes orders over pipes (python_pools.py).
///
/// Errors: std::system_error, std::runtime_error when Python does not answer or its results are wrong.
class PythonPool {
 public:
  /// Takes: `script`, the path of python_pools.py; `which`: "executor" or "pool"; `owner_mib`: how much memory Python
  ///        touches before it makes the pool.
  PythonPool(const std::string& script, const std::string& which, int workers, int owner_mib = 0);
  PythonPool(const PythonPool&) = delete;
  PythonPool& operator=(const PythonPool&) = delete;
  ~PythonPool();

  double windowed(std::size_t tasks, std::size_t window, int submitters);
  void round_trips(std::span<std::uint32_t> ns);
  /// Takes: `how`, "send" or "fetch".
  double move(const std::string& how, std::size_t bytes, std::size_t rounds);
  /// Nanoseconds: of the constructor, then until the first result.
  std::vector<double> born();
  /// A worker kills itself so many times. Gives: for each the nanoseconds to the settled future, -1 where it never
  /// settles, then to the next result.
  std::vector<double> crash(int times);

  /// Python's own process.
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  std::string ask(const std::string& order);
  std::vector<double> ask_numbers(const std::string& order);

  pid_t pid_ = -1;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
};

}  // namespace twinpool::bench::peers
