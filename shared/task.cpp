// SPDX-License-Identifier: Apache-2.0
#include "shared/task.h"

#include <mutex>

namespace twinpool {
namespace {

struct Registered {
  std::mutex mutex;
  std::vector<const TaskType*> types;
};

// Never destroyed: a static object of some library may still submit while the program ends.
Registered& registered() {
  static auto* const instance = new Registered;
  return *instance;
}

}  // namespace

std::uint32_t TaskRegistry::add(const TaskType* type) {
  Registered& all = registered();
  const std::lock_guard lock(all.mutex);
  all.types.push_back(type);
  return static_cast<std::uint32_t>(all.types.size() - 1);
}

std::uint32_t TaskRegistry::count() {
  Registered& all = registered();
  const std::lock_guard lock(all.mutex);
  return static_cast<std::uint32_t>(all.types.size());
}

std::vector<const TaskType*> TaskRegistry::all() {
  Registered& all = registered();
  const std::lock_guard lock(all.mutex);
  return all.types;
}

}  // namespace twinpool
