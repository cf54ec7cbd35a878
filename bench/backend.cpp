// SPDX-License-Identifier: Apache-2.0
#include "bench/backend.h"

#include <stdexcept>

#include "processes/process_pool.h"
#include "threads/thread_pool.h"

namespace twinpool::bench {

std::string_view name_of(Backend backend) { return backend == Backend::kThreads ? "threads" : "processes"; }

std::string_view sentence_of(Backend backend) {
  return backend == Backend::kThreads
             ? "worker threads in one process: arguments are moved, a crash ends the program"
             : "forked worker processes: arguments are copied into shared memory, a crash costs one worker";
}

std::optional<Backend> parse_backend(std::string_view name) {
  for (const Backend backend : kBackends) {
    if (name == name_of(backend)) return backend;
  }
  return std::nullopt;
}

std::vector<std::string> backend_names() {
  std::vector<std::string> names;
  for (const Backend backend : kBackends) names.emplace_back(name_of(backend));
  return names;
}

std::unique_ptr<Pool> make_pool(Backend backend, const PoolOptions& options) {
  switch (backend) {
    case Backend::kThreads:
      return std::make_unique<threads::ThreadPool>(options);
    case Backend::kProcesses:
      return std::make_unique<processes::ProcessPool>(options);
  }
  throw std::invalid_argument("there is no such backend");
}

}  // namespace twinpool::bench
