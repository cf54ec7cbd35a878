// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

namespace twinpool::bench::peers {

/// One of Python's process pools, in a Python of its own that takes orders over pipes (python_pools.py).
///
/// Errors: std::system_error, std::runtime_error when Python does not answer or its results are wrong.
class PythonPool {
 public:
  /// Takes: `script`, the path of python_pools.py; `which`: "executor" or "pool".
  PythonPool(const std::string& script, const std::string& which, int workers);
  PythonPool(const PythonPool&) = delete;
  PythonPool& operator=(const PythonPool&) = delete;
  ~PythonPool();

  double windowed(std::size_t tasks, std::size_t window, int submitters);
  void round_trips(std::span<std::uint32_t> ns);
  /// Takes: `how`, "send" or "fetch".
  double move(const std::string& how, std::size_t bytes, std::size_t rounds);

 private:
  std::string ask(const std::string& order);

  pid_t pid_ = -1;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
};

}  // namespace twinpool::bench::peers
