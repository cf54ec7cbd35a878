// SPDX-License-Identifier: Apache-2.0
#include "shared/deadlines.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

namespace twinpool {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Notes each question, and answers with what `answer` holds for the key's first questions.
class Looks {
 public:
  std::optional<Clock::time_point> look(std::uint64_t key, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    keys_.push_back(key);
    early_ = early_ || Clock::now() < now;
    changed_.notify_all();
    if (again_ == 0) return std::nullopt;
    --again_;
    return now;
  }
  void answer_again(int times) { again_ = times; }
  /// The keys that were asked about, once there are `count`.
  std::vector<std::uint64_t> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, seconds(60), [&] { return keys_.size() >= count; }));
    EXPECT_FALSE(early_);
    return keys_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::uint64_t> keys_;
  bool early_ = false;
  int again_ = 0;
};

using Keys = std::vector<std::uint64_t>;

TEST(Deadlines, AsksInTheOrderOfTheMoments) {
  Looks looks;
  Deadlines deadlines([&](std::uint64_t key, Clock::time_point now) { return looks.look(key, now); });
  const auto now = Clock::now();
  deadlines.set(3, now + milliseconds(60));
  deadlines.set(1, now + milliseconds(20));
  deadlines.set(2, now + milliseconds(40));
  EXPECT_EQ(looks.wait_for(3), (Keys{1, 2, 3}));
  EXPECT_GE(Clock::now(), now + milliseconds(60));
}

TEST(Deadlines, AKeyKeepsItsEarlierMomentAlone) {
  Looks looks;
  Deadlines deadlines([&](std::uint64_t key, Clock::time_point now) { return looks.look(key, now); });
  const auto now = Clock::now();
  deadlines.set(1, now + hours(1));
  deadlines.set(1, now);
  deadlines.set(2, now + milliseconds(10));
  deadlines.set(2, now + hours(1));
  EXPECT_EQ(looks.wait_for(2), (Keys{1, 2}));
  deadlines.stop();
  EXPECT_EQ(looks.wait_for(2).size(), 2U);
}

TEST(Deadlines, AsksAgainAsLongAsItIsTold) {
  Looks looks;
  looks.answer_again(3);
  Deadlines deadlines([&](std::uint64_t key, Clock::time_point now) { return looks.look(key, now); });
  deadlines.set(7, Clock::now());
  EXPECT_EQ(looks.wait_for(4), (Keys{7, 7, 7, 7}));
}

TEST(Deadlines, AKeyMayBeSetInsideTheQuestion) {
  Looks looks;
  Deadlines* self = nullptr;
  Deadlines deadlines([&](std::uint64_t key, Clock::time_point now) {
    if (key == 1) self->set(2, now);
    return looks.look(key, now);
  });
  self = &deadlines;
  deadlines.set(1, Clock::now());
  EXPECT_EQ(looks.wait_for(2), (Keys{1, 2}));
}

TEST(Deadlines, StopDoesNotWaitForWhatIsFarAndAsksNoMore) {
  Looks looks;
  Deadlines deadlines([&](std::uint64_t key, Clock::time_point now) { return looks.look(key, now); });
  deadlines.set(1, Clock::now() + hours(1));
  deadlines.stop();
  deadlines.set(2, Clock::now());
  EXPECT_TRUE(looks.wait_for(0).empty());
}

TEST(Deadlines, UnusedHaveNoThreadToStop) {
  Deadlines deadlines([](std::uint64_t, Clock::time_point) { return std::optional<Clock::time_point>(); });
  deadlines.stop();
}

}  // namespace
}  // namespace twinpool
