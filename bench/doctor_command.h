// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/cli.h"

namespace twinpool::bench {

/// `twinpool doctor`.
extern const Command kDoctorCommand;

}  // namespace twinpool::bench
