// SPDX-License-Identifier: Apache-2.0
#include "bench/plugin.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "bench/cli.h"
#include "bench/workloads/registry.h"

namespace twinpool::bench {
namespace {

std::vector<std::string>& loaded() {
  static std::vector<std::string> paths;
  return paths;
}

[[noreturn]] void refuse(const std::string& path, std::string_view why) {
  throw std::invalid_argument(fmt::format("cannot load '{}': {}", path, why));
}

/// The loader's own message begins with the path, which the sentence has already.
std::string loader_says(const std::string& path) {
  const char* const text = dlerror();
  const std::string message = text != nullptr ? text : "the loader says nothing";
  return message.rfind(path + ": ", 0) == 0 ? message.substr(path.size() + 2) : message;
}

void load(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) refuse(path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) refuse(path, "it is not a file");
  // A name without a slash would be looked for in the system's folders.
  const std::string place = path.find('/') == std::string::npos ? "./" + path : path;
  void* const library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) refuse(path, loader_says(place));
  const void* const table = dlsym(library, kWorkloadSymbol);
  if (table == nullptr) {
    refuse(path, fmt::format("it has no symbol '{}'; register its workloads with TWINPOOL_WORKLOADS",
                             kWorkloadSymbol));
  }
  try {
    add_workloads(*static_cast<const WorkloadTable*>(table));
  } catch (const std::invalid_argument& error) {
    refuse(path, error.what());
  }
}

}  // namespace

void load_workloads(std::span<const std::string> paths) {
  for (const std::string& path : paths) {
    if (std::find(loaded().begin(), loaded().end(), path) != loaded().end()) continue;
    load(path);
    loaded().push_back(path);
  }
}

void add_linked_workloads(const WorkloadTable* table) {
  if (table != nullptr) add_workloads(*table);
}

nlohmann::json run_load_trial(TrialContext& trial) {
  load_workloads(trial.spec().at("load").get<std::vector<std::string>>());
  return nlohmann::json::object();
}

void load_workloads_for_command(std::span<const std::string> paths) {
  std::vector<std::string> tried;
  for (const std::string& path : paths) {
    tried.push_back(path);
    Trial trial(kLoadTrial.name, {{"load", tried}});
    const TrialEnd& end = trial.finish();
    const nlohmann::json result = trial.result();
    if (result.is_object() && result.contains("error")) throw UsageError(result["error"].get<std::string>());
    if (!end.clean())
      throw UsageError(fmt::format("cannot load '{}': a process that tried to {}", path, describe(end)));
  }
  load_workloads(paths);
}

}  // namespace twinpool::bench
