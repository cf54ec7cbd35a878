// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench/workload.h"

/// The workloads of the full suite, each in the file of its name.
namespace twinpool::bench {

extern const Workload kAllocMix, kBatch, kColdStart, kCompress, kCowDirty, kCrossFree, kFalseSharing, kFanOut,
    kFileIo, kJsonParse, kLeaky, kLibFputc, kLibLocaltime, kLibMutex, kLibOstringstream, kLibRand, kLibSharedPtr,
    kLibSnprintf, kMadvise, kMmapChurn, kMprotect, kMutexContended, kPingPong, kPipeline, kReadOnlyData, kRestart,
    kSameCounter, kSpawnPerTask;

}  // namespace twinpool::bench
