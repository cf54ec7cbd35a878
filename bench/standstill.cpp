// SPDX-License-Identifier: Apache-2.0
#include "bench/standstill.h"

#include "bench/meters/process_tree.h"

namespace twinpool::bench {

bool Standstill::look() {
  if (killed_) return true;
  const auto stat = read_process_stat(trial_.pid());
  if (!stat || stat->state != 'T') {
    last_moving_ = Clock::now();
  } else if (Clock::now() - last_moving_ > kStandstillLimit) {
    trial_.kill();
    killed_ = true;
  }
  return killed_;
}

}  // namespace twinpool::bench
