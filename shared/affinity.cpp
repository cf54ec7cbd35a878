// SPDX-License-Identifier: Apache-2.0
#include "shared/affinity.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace twinpool {
namespace {

/// `usable` in the order of kSpread.
std::vector<int> spread(std::span<const CpuPlace> usable) {
  struct Ranked {
    int sibling, core, package, cpu;
    auto key() const { return std::tuple(sibling, core, package, cpu); }
  };
  std::map<std::pair<int, int>, int> siblings;          // CPUs seen of (package, core)
  std::map<int, std::map<int, int>> cores_of_packages;  // package -> core id -> number, in order of appearance
  std::vector<Ranked> ranked;
  ranked.reserve(usable.size());
  for (const CpuPlace& place : usable) {
    auto& cores = cores_of_packages[place.package];
    const int core = cores.try_emplace(place.core, static_cast<int>(cores.size())).first->second;
    ranked.push_back({siblings[{place.package, place.core}]++, core, place.package, place.cpu});
  }
  std::sort(ranked.begin(), ranked.end(),
            [](const Ranked& a, const Ranked& b) { return a.key() < b.key(); });
  std::vector<int> order;
  order.reserve(ranked.size());
  for (const Ranked& one : ranked) order.push_back(one.cpu);
  return order;
}

int read_number(const std::filesystem::path& file, int otherwise) {
  const auto line = read_first_line(file);
  if (!line) return otherwise;
  int value = 0;
  const auto [end, error] = std::from_chars(line->data(), line->data() + line->size(), value);
  // Machines that do not know write -1.
  return error == std::errc{} && end != line->data() && value >= 0 ? value : otherwise;
}

}  // namespace

std::optional<int> cpu_for(Affinity affinity, std::span<const int> list, int worker,
                           std::span<const CpuPlace> usable) {
  if (worker < 0) return std::nullopt;
  const auto index = static_cast<std::size_t>(worker);
  switch (affinity) {
    case Affinity::kNone:
      return std::nullopt;
    case Affinity::kSpread:
      if (usable.empty()) return std::nullopt;
      return spread(usable)[index % usable.size()];
    case Affinity::kCompact:
      if (usable.empty()) return std::nullopt;
      return usable[index % usable.size()].cpu;
    case Affinity::kList:
      if (list.empty()) return std::nullopt;
      return list[index % list.size()];
  }
  return std::nullopt;
}

std::vector<CpuPlace> read_usable_places(const KernelFiles& files) {
  std::vector<CpuPlace> places;
  cpu_set_t set;
  CPU_ZERO(&set);
  // A machine with more than 1024 CPUs answers EINVAL: then no CPU is known, and nobody is bound.
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return places;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(static_cast<std::size_t>(cpu), &set)) continue;
    const auto topology =
        files.root / "sys/devices/system/cpu" / ("cpu" + std::to_string(cpu)) / "topology";
    places.push_back({.cpu = cpu,
                      .core = read_number(topology / "core_id", cpu),
                      .package = read_number(topology / "physical_package_id", 0)});
  }
  return places;
}

int pin_this_thread(int cpu) noexcept {
  if (cpu < 0 || cpu >= CPU_SETSIZE) return EINVAL;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  return ::sched_setaffinity(0, sizeof(set), &set) == 0 ? 0 : errno;
}

int place_this_thread(const PoolOptions& options, int worker, std::span<const CpuPlace> usable) {
  const auto cpu = cpu_for(options.affinity, options.affinity_cpus, worker, usable);
  return cpu ? pin_this_thread(*cpu) : 0;
}

}  // namespace twinpool
