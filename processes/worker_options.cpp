// SPDX-License-Identifier: Apache-2.0
#include "processes/worker_options.h"

#include <bit>

#include "shared/codec.h"

namespace twinpool::processes {

WorkerOptions worker_options_of(const PoolOptions& options) {
  return {.name = options.name,
          .affinity = options.affinity,
          .affinity_cpus = options.affinity_cpus,
          .recycling = options.recycling,
          .idle_timeout = options.idle_timeout,
          .set_up = std::bit_cast<std::uintptr_t>(options.set_up),
          .tear_down = std::bit_cast<std::uintptr_t>(options.tear_down),
          .tells_events = static_cast<bool>(options.on_event),
          .processes = options.processes};
}

std::vector<std::byte> encode_worker_options(const WorkerOptions& options) {
  Writer count;
  Codec<WorkerOptions>::encode(count, options);
  std::vector<std::byte> bytes(count.size());
  Writer writer(bytes);
  Codec<WorkerOptions>::encode(writer, options);
  return bytes;
}

WorkerOptions decode_worker_options(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  return Codec<WorkerOptions>::decode(reader);
}

}  // namespace twinpool::processes
