// SPDX-License-Identifier: Apache-2.0
#include "bench/cell_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/strategies.h"

namespace twinpool::bench {
namespace {

/// "/batch:8" for each of the workload's parameters that is not at its default, by name: a file's workloads
/// have them in another order than this program's.
std::string parameters_of(const Cell& cell, char assign) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < std::min<std::size_t>(cell.parameters.size(), cell.workload->parameters.size());
       ++i) {
    const auto& parameter = cell.workload->parameters[i];
    if (cell.parameters[i] != parameter.value)
      parts.push_back(fmt::format("/{}{}{}", parameter.name, assign, cell.parameters[i]));
  }
  std::sort(parts.begin(), parts.end());
  std::string text;
  for (const std::string& part : parts) text += part;
  return text;
}

/// "/rate:70%/arrivals:poisson/stall_ms:200"
std::string load_of(const OpenLoad& load, char assign) {
  const auto ms = [](std::chrono::nanoseconds length) {
    return std::chrono::duration<double, std::milli>(length).count();
  };
  std::string text = fmt::format("/rate{}{}", assign, rate_name(load));
  if (load.arrivals != Arrivals::kFixed) text += fmt::format("/arrivals{}{}", assign, name_of(load.arrivals));
  if (load.stall.count() > 0) text += fmt::format("/stall_ms{}{}", assign, ms(load.stall));
  if (load.stall_every.count() > 0) text += fmt::format("/stall_every_ms{}{}", assign, ms(load.stall_every));
  if (load.crash_every.count() > 0) text += fmt::format("/crash_every_ms{}{}", assign, ms(load.crash_every));
  return text;
}

}  // namespace

std::string name_of(const Cell& cell, std::string_view backend, char assign) {
  std::string name(cell.workload->name);
  if (!backend.empty()) name += fmt::format("/backend{}{}", assign, backend);
  name += fmt::format("/workers{}{}", assign, cell.workers);
  name += parameters_of(cell, assign);
  if (cell.payload_bytes != cell.workload->default_payload_bytes)
    name += fmt::format("/payload{}{}", assign, cell.payload_bytes);
  if (cell.window != default_window(cell.open)) name += fmt::format("/window{}{}", assign, cell.window);
  if (cell.strategy != Strategy::kSharedQueue) {
    name += fmt::format("/strategy{}{}", assign, name_of(cell.strategy));
    if (!cell.stealing) name += fmt::format("/stealing{}off", assign);
  }
  if (cell.priority) name += fmt::format("/priority{}{}", assign, *cell.priority);
  if (cell.twice) name += fmt::format("/aa{}{}", assign, name_of(*cell.twice));
  if (cell.open) name += load_of(*cell.open, assign);
  return name;
}

std::string file_name_of(const Cell& cell) {
  std::string name = name_of(cell, {}, '=');
  std::replace(name.begin(), name.end(), '/', ',');
  return name;
}

}  // namespace twinpool::bench
