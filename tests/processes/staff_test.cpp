// SPDX-License-Identifier: Apache-2.0
#include "processes/staff.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <functional>

#include "processes/door.h"
#include "processes/pidfd.h"
#include "tests/processes/bare_owner.h"

/// The supervisor and its workers, with nobody but a test on the owner's side.
namespace twinpool::processes {
namespace {

std::uint64_t hold(std::vector<std::uint64_t> numbers) {
  ::pause();
  return numbers.size();
}
int doubled(int n) { return 2 * n; }

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = Clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    if (Clock::now() > deadline) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

class StaffTest : public testing::Test {
 protected:
  ~StaffTest() override {
    if (supervisor_ > 0) ::kill(supervisor_, SIGKILL);
    // Its workers follow it and become this process's children.
    while (::waitpid(-1, nullptr, 0) > 0) {
    }
  }

  void supervise(int seats, WorkerRange range, WorkerOptions options = {}) {
    owner_ = std::make_unique<BareOwner>(
        SegmentShape{.workers = seats, .slots = 16, .payload_bytes = std::uint64_t{64} << 10});
    header().workers_min.store(static_cast<std::uint32_t>(range.min));
    header().workers_max.store(static_cast<std::uint32_t>(range.max));
    header().wanted.store(static_cast<std::uint32_t>(range.min));
    options.name = "staff";
    options.tells_events = true;
    if (options.idle_timeout.count() == 0) options.idle_timeout = std::chrono::hours(1);
    board_ = ScoreboardMemory::create(
        {.pool_name = "staff", .backend = ScoreboardBackend::kProcesses, .seats = seats, .places = 2 * seats});
    poke_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    self_ = open_pidfd(::getpid());
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours_ = Descriptor(ends[0]);
    theirs_ = Descriptor(ends[1]);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    supervisor_ = ::fork();
    ASSERT_GE(supervisor_, 0);
    if (supervisor_ != 0) return;
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    ours_ = Descriptor();
    const SupervisorContext context{.options = options,
                                    .board = &board_,
                                    .owner_pidfd = self_.get(),
                                    .pool_socket = theirs_.get(),
                                    .poke = poke_.get(),
                                    .owner_bell = owner_->bell()};
    run_supervisor(owner_->segment(), context);
  }

  [[nodiscard]] SegmentHeader& header() const { return owner_->segment().header(); }
  [[nodiscard]] WorkerRecord& record(int place) const { return owner_->segment().worker(place); }
  [[nodiscard]] bool ready(int place) const {
    const auto incarnation = record(place).incarnation.load();
    return incarnation != 0 && record(place).ready.load() == incarnation;
  }
  [[nodiscard]] int pid(int place) const { return static_cast<int>(record(place).pid.load()); }
  [[nodiscard]] SlotState state_of(SlotRef ref) const {
    return SlotWord{owner_->segment().slot(ref_index(ref)).word.load()}.state();
  }
  void poke() const {
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(poke_.get(), &one, sizeof one), static_cast<ssize_t>(sizeof one));
  }
  void wake() const {
    for (int i = 0; i < owner_->segment().place_count(); ++i) knock(record(i));
  }
  /// The kinds of events so far, of one place.
  std::vector<EventKind> told(int place) {
    while (const auto event = reader().next(owner_->segment().place_count())) events_.push_back(*event);
    std::vector<EventKind> kinds;
    for (const auto& event : events_) {
      if (event.place == place) kinds.push_back(static_cast<EventKind>(event.kind));
    }
    return kinds;
  }
  EventReader& reader() {
    if (reader_ == nullptr) reader_ = std::make_unique<EventReader>(header().events);
    return *reader_;
  }

  std::unique_ptr<BareOwner> owner_;
  ScoreboardMemory board_;
  Descriptor poke_, self_, ours_, theirs_;
  pid_t supervisor_ = 0;
  std::unique_ptr<EventReader> reader_;
  std::vector<EventRecord> events_;
};

TEST_F(StaffTest, AnAskedForKillEndsTheWorkerThatStillRunsThatTaskAndNoOther) {
  supervise(1, 1);
  ASSERT_TRUE(eventually([&] { return ready(0); }));
  auto held = owner_->submit<hold>(std::vector<std::uint64_t>{});
  const SlotRef ref = owner_->last();
  wake();
  ASSERT_TRUE(eventually([&] { return state_of(ref) == SlotState::kRunning; }));
  const int first = pid(0);
  record(0).kill_ref.store(make_ref(ref_generation(ref) + 1, ref_index(ref)));  // a later use of the slot
  poke();
  ASSERT_TRUE(eventually([&] { return record(0).kill_ref.load() == 0; }));
  EXPECT_EQ(pid(0), first);
  record(0).kill_ref.store(ref);
  poke();
  ASSERT_TRUE(eventually([&] { return ready(0) && pid(0) != first; }));
  EXPECT_EQ(state_of(ref), SlotState::kLost);
  EXPECT_EQ(record(0).deaths.load(), 1U);
  EXPECT_EQ(board_.entry(0).deaths[static_cast<std::size_t>(DeathCause::kLimit)].load(), 1U);
  ASSERT_TRUE(eventually([&] { return told(0).size() == 6; }));
  EXPECT_EQ(told(0), (std::vector<EventKind>{EventKind::kWorkerStarted, EventKind::kWorkerReady,
                                             EventKind::kWorkerStuck, EventKind::kWorkerLost,
                                             EventKind::kWorkerRestarted, EventKind::kWorkerReady}));
}

TEST_F(StaffTest, AWorkerThatWasStoppedToBeLookedAtGoesOnWhenItsTaskIsAnother) {
  supervise(1, 1);
  ASSERT_TRUE(eventually([&] { return ready(0); }));
  const int first = pid(0);
  for (int i = 0; i < 50; ++i) {
    auto quick = owner_->submit<doubled>(i);
    record(0).kill_ref.store(owner_->last());
    wake();
    poke();
    const SlotRef ref = owner_->last();
    ASSERT_TRUE(eventually([&] { return state_of(ref) >= SlotState::kDone || pid(0) != first; }));
    if (pid(0) != first) return;  // it was killed in time, as it was asked to
  }
  EXPECT_TRUE(eventually([&] { return record(0).kill_ref.load() == 0; }));
  auto last = owner_->submit<doubled>(7);
  const SlotRef ref = owner_->last();
  wake();
  EXPECT_TRUE(eventually([&] { return state_of(ref) == SlotState::kDone; }));
}

TEST_F(StaffTest, AFreshWorkerTakesTheOtherPlaceBeforeTheOldOneLeaves) {
  WorkerOptions options;
  options.recycling.max_tasks = 1;
  options.recycling.jitter = 0;
  supervise(1, 1, options);
  ASSERT_TRUE(eventually([&] { return ready(0) && record(0).seat.load() == kFirstOccupant + 0; }));
  auto one = owner_->submit<doubled>(1);
  wake();
  ASSERT_TRUE(eventually([&] { return ready(1) && record(0).seat.load() == kFirstOccupant + 1; }));
  ASSERT_TRUE(eventually([&] { return pid(0) == 0; }));
  EXPECT_EQ(record(0).recycled.load(), 1U);
  EXPECT_EQ(header().deaths.load(), 0U);
  ASSERT_TRUE(eventually([&] { return told(0).size() == 3; }));
  EXPECT_EQ(told(0).back(), EventKind::kWorkerRecycled);
}

TEST_F(StaffTest, WhatIsAskedOfAFullyGrownPoolStartsNobody) {
  supervise(2, {1, 2});
  ASSERT_TRUE(eventually([&] { return ready(0); }));
  EXPECT_EQ(header().wanted.load(), 1U);
  auto first = owner_->submit<hold>(std::vector<std::uint64_t>{});
  auto second = owner_->submit<hold>(std::vector<std::uint64_t>{});
  auto third = owner_->submit<hold>(std::vector<std::uint64_t>{});
  header().grow.store(1);
  poke();
  wake();
  ASSERT_TRUE(eventually([&] { return ready(1); }));
  EXPECT_EQ(header().wanted.load(), 2U);
  header().grow.store(1);
  poke();
  ASSERT_TRUE(eventually([&] { return header().grow.load() == 0; }));
  EXPECT_EQ(pid(2) + pid(3), 0);
}

}  // namespace
}  // namespace twinpool::processes
