// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "processes/death_cause.h"
#include "processes/event_ring.h"
#include "processes/segment.h"
#include "processes/worker_options.h"

/// Small parts of the workers' side: options that travel, the ring of events, causes of deaths.
namespace twinpool::processes {
namespace {

void some_set_up(const WorkerInfo& /*info*/) {}

TEST(WorkerOptionsMessage, ArrivesAsItWasSent) {
  PoolOptions options{.workers = 3, .name = "travels"};
  options.affinity = Affinity::kList;
  options.affinity_cpus = {3, 1};
  options.recycling = {.max_tasks = 7, .jitter = 0.5, .max_age = std::chrono::milliseconds(9)};
  options.set_up = some_set_up;
  options.processes.nice = 4;
  options.processes.open_files = 99;
  options.processes.keep_descriptors = {5, 6};
  options.processes.working_directory = "/tmp";
  options.processes.restart.start_failures = 11;
  const auto bytes = encode_worker_options(worker_options_of(options));
  const WorkerOptions got = decode_worker_options(bytes);
  EXPECT_EQ(got.name, "travels");
  EXPECT_EQ(got.affinity, Affinity::kList);
  EXPECT_EQ(got.affinity_cpus, options.affinity_cpus);
  EXPECT_EQ(got.recycling.max_tasks, 7U);
  EXPECT_EQ(got.recycling.jitter, 0.5);
  EXPECT_EQ(got.recycling.max_age.count(), 9);
  EXPECT_EQ(got.set_up, reinterpret_cast<std::uintptr_t>(&some_set_up));
  EXPECT_EQ(got.tear_down, 0U);
  EXPECT_FALSE(got.tells_events);
  EXPECT_EQ(got.processes.nice, 4);
  EXPECT_EQ(got.processes.open_files, 99U);
  EXPECT_FALSE(got.processes.core_bytes.has_value());
  EXPECT_EQ(got.processes.keep_descriptors, options.processes.keep_descriptors);
  EXPECT_EQ(got.processes.working_directory, "/tmp");
  EXPECT_EQ(got.processes.restart.start_failures, 11);
}

class EventRingTest : public testing::Test {
 protected:
  static EventRecord ready(int place) {
    EventRecord event{};
    event.kind = static_cast<std::uint32_t>(EventKind::kWorkerReady);
    event.place = place;
    return event;
  }
  [[nodiscard]] EventRing& ring() const { return segment_.header().events; }

  Segment segment_ = Segment::create({.workers = 2, .slots = 1, .payload_bytes = 0});
  Descriptor bell_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  EventWriter writer_{ring(), bell_.get(), true};
  EventReader reader_{ring()};
};

TEST_F(EventRingTest, EventsArriveInOrderWithOneRing) {
  for (int place = 0; place < 4; ++place) writer_.tell(ready(place));
  std::uint64_t rings = 0;
  EXPECT_NE(::read(bell_.get(), &rings, sizeof rings), static_cast<ssize_t>(sizeof rings));
  writer_.flush();
  writer_.flush();
  ASSERT_EQ(::read(bell_.get(), &rings, sizeof rings), static_cast<ssize_t>(sizeof rings));
  EXPECT_EQ(rings, 1U);
  for (int place = 0; place < 4; ++place) {
    const auto event = reader_.next(4);
    ASSERT_TRUE(event.has_value());
    EXPECT_EQ(event->place, place);
    EXPECT_GT(event->when_ns, 0);
  }
  EXPECT_FALSE(reader_.next(4).has_value());
}

TEST_F(EventRingTest, WhatFindsNoRoomIsDroppedAndCounted) {
  for (std::uint64_t i = 0; i < EventRing::kEntries + 3; ++i) writer_.tell(ready(0));
  std::uint64_t got = 0;
  while (reader_.next(4)) ++got;
  EXPECT_EQ(got, EventRing::kEntries);
  EXPECT_EQ(reader_.dropped(), 3U);
  writer_.tell(ready(1));
  EXPECT_EQ(reader_.next(4).value().place, 1);
}

TEST_F(EventRingTest, WhatNoSupervisorWouldWriteIsNotBelieved) {
  writer_.tell(ready(4));  // there are 4 places
  writer_.tell(ready(-2));
  EventRecord strange = ready(0);
  strange.kind = 4711;
  writer_.tell(strange);
  writer_.tell(ready(3));
  EXPECT_EQ(reader_.next(4).value().place, 3);
  EXPECT_EQ(reader_.dropped(), 3U);
  ring().tail.store(std::uint64_t{1} << 40);
  EXPECT_FALSE(reader_.next(4).has_value());
  EXPECT_EQ(reader_.dropped(), 4U);
}

TEST_F(EventRingTest, NothingIsToldWhereNobodyListens) {
  EventWriter silent(ring(), bell_.get(), false);
  silent.tell(ready(0));
  silent.flush();
  EXPECT_FALSE(reader_.next(4).has_value());
}

TEST(DeathCauses, AreToldApart) {
  EXPECT_EQ(cause_of({.status = SIGSEGV}), DeathCause::kSignal);
  EXPECT_EQ(cause_of({.status = 3 << 8}), DeathCause::kExit);
  EXPECT_EQ(cause_of({.status = SIGKILL, .by_the_pool = true, .oom_kill = true}), DeathCause::kLimit);
  EXPECT_EQ(cause_of({.status = SIGKILL, .oom_kill = true}), DeathCause::kMemory);
  EXPECT_EQ(cause_of({.status = SIGSEGV, .oom_kill = true}), DeathCause::kSignal);
  EXPECT_EQ(cause_of({.status = SIGKILL, .in_set_up = true, .oom_kill = true}), DeathCause::kMemory);
  EXPECT_EQ(cause_of({.status = SIGKILL, .in_set_up = true}), DeathCause::kSetUp);
}

}  // namespace
}  // namespace twinpool::processes
