// SPDX-License-Identifier: Apache-2.0
#include "shared/awaited.h"

namespace twinpool {

void Awaited::await(TaskState& source) noexcept {
  source_ = &source;
  // Nobody can take the source away before it knows its continuation, so this needs no count of its own.
  if ((word_.fetch_and(~kClosed) & kAsked) != 0) source.cancel();
  source.when_settled(*this);
}

void Awaited::cancel() noexcept {
  auto word = word_.fetch_or(kAsked) | kAsked;
  do {
    if ((word & kClosed) != 0) return;
  } while (!word_.compare_exchange_weak(word, word + kInside));
  TaskState& source = *source_;
  source.cancel();
  // The task may have settled while this was inside, even by this very call: then the last one out goes on.
  const auto before = word_.fetch_sub(kInside);
  if ((before & kClosed) != 0 && before / kInside == 1) arrived(source);
}

void Awaited::settled() noexcept {
  TaskState& source = *source_;
  if (word_.fetch_or(kClosed) / kInside == 0) arrived(source);
}

}  // namespace twinpool
