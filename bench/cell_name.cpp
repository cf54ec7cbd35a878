// SPDX-License-Identifier: Apache-2.0
#include "bench/cell_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/strategies.h"

namespace twinpool::bench {

std::string name_of(const Cell& cell, std::string_view backend, char assign) {
  std::string name(cell.workload->name);
  if (!backend.empty()) name += fmt::format("/backend{}{}", assign, backend);
  name += fmt::format("/workers{}{}", assign, cell.workers);
  if (cell.payload_bytes != cell.workload->default_payload_bytes)
    name += fmt::format("/payload{}{}", assign, cell.payload_bytes);
  if (cell.window != kDefaultWindow) name += fmt::format("/window{}{}", assign, cell.window);
  if (cell.strategy != Strategy::kSharedQueue) {
    name += fmt::format("/strategy{}{}", assign, name_of(cell.strategy));
    if (!cell.stealing) name += fmt::format("/stealing{}off", assign);
  }
  if (cell.priority) name += fmt::format("/priority{}{}", assign, *cell.priority);
  return name;
}

std::string file_name_of(const Cell& cell) {
  std::string name = name_of(cell, {}, '=');
  std::replace(name.begin(), name.end(), '/', ',');
  return name;
}

}  // namespace twinpool::bench
