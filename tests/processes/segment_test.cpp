// SPDX-License-Identifier: Apache-2.0
#include "processes/segment.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <system_error>

namespace twinpool::processes {
namespace {

constexpr SegmentShape kShape{.workers = 3, .slots = 5, .payload_bytes = 1 << 20};

std::uint64_t bytes_taken(const Segment& segment) {
  struct stat status {};
  ::fstat(segment.descriptor(), &status);
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

TEST(Segment, StartsAsZerosOfTheShapeThatWasAskedFor) {
  const Segment segment = Segment::create(kShape);
  EXPECT_EQ(segment.seat_count(), 3);
  EXPECT_EQ(segment.place_count(), 6);
  EXPECT_EQ(segment.slot_count(), 5u);
  EXPECT_GE(segment.ring_size(), 10u);
  EXPECT_EQ(segment.payload().size(), 1u << 20);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(segment.worker(i).pid.load(), 0u);
  for (std::uint32_t i = 0; i < 5; ++i) EXPECT_EQ(segment.slot(i).word.load(), 0u);
  EXPECT_EQ(segment.payload().back(), std::byte{0});
}

TEST(Segment, ItsPartsDoNotOverlap) {
  const Segment segment = Segment::create(kShape);
  const auto at = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p); };
  EXPECT_LE(at(&segment.header() + 1), at(&segment.worker(0)));
  EXPECT_LE(at(&segment.worker(5) + 1), at(&segment.slot(0)));
  EXPECT_LE(at(&segment.slot(4) + 1), at(&segment.ring_entry(0)));
  EXPECT_LE(at(&segment.ring_entry(segment.ring_size() - 1) + 1), at(segment.payload().data()));
  EXPECT_EQ(at(&segment.slot(0)) % 64, 0u);
  EXPECT_EQ(at(segment.payload().data()) % 4096, 0u);
}

TEST(Segment, WhoAttachesSeesTheSameMemory) {
  const Segment ours = Segment::create(kShape);
  const Segment theirs = Segment::attach(Descriptor(::dup(ours.descriptor())));
  EXPECT_NE(&ours.header(), &theirs.header());
  EXPECT_EQ(theirs.place_count(), ours.place_count());
  EXPECT_EQ(theirs.slot_count(), ours.slot_count());
  EXPECT_EQ(theirs.payload().size(), ours.payload().size());
  ours.slot(4).word.store(42);
  ours.ring_entry(3).store(43);
  ours.worker(2).tasks.store(44);
  ours.payload().back() = std::byte{45};
  EXPECT_EQ(theirs.slot(4).word.load(), 42u);
  EXPECT_EQ(theirs.ring_entry(3).load(), 43u);
  EXPECT_EQ(theirs.worker(2).tasks.load(), 44u);
  EXPECT_EQ(theirs.payload().back(), std::byte{45});
}

TEST(Segment, WhatIsNoSegmentIsRefused) {
  Descriptor small(::memfd_create("small", MFD_CLOEXEC));
  EXPECT_THROW(Segment::attach(std::move(small)), std::system_error);
  Descriptor zeros(::memfd_create("zeros", MFD_CLOEXEC));
  ASSERT_EQ(::ftruncate(zeros.get(), 1 << 20), 0);
  EXPECT_THROW(Segment::attach(std::move(zeros)), std::system_error);
}

TEST(Segment, ThePayloadTakesMemoryOnlyWhenItIsReserved) {
  const Segment segment = Segment::create({.workers = 1, .slots = 1, .payload_bytes = 64 << 20});
  const auto before = bytes_taken(segment);
  EXPECT_LT(before, 1u << 20);
  ASSERT_TRUE(segment.reserve_payload(1 << 20, 2 << 20));
  EXPECT_EQ(bytes_taken(segment), before + (2 << 20));
}

TEST(Segment, IsNotDumpedIntoCoreFiles) {
  const Segment segment = Segment::create(kShape);
  char address[32];
  std::snprintf(address, sizeof address, "%lx-", reinterpret_cast<unsigned long>(&segment.header()));
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    if (line.rfind(address, 0) == 0) inside = true;
    if (inside && line.rfind("VmFlags:", 0) == 0) {
      EXPECT_NE(line.find(" dd"), std::string::npos) << line;
      return;
    }
  }
  GTEST_SKIP() << "this kernel does not tell the flags of mappings";
}

TEST(Segment, AFileSizeLimitBelowItIsNamedAndKillsNobody) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const rlimit limit{.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::string said = "made";
    try {
      (void)Segment::create({.workers = 1, .slots = 1, .payload_bytes = 8 << 20});
    } catch (const std::system_error& error) {
      said = error.what();
    }
    [[maybe_unused]] const auto written = ::write(ends[1], said.data(), said.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said(1024, '\0');
  const auto got = ::read(ends[0], said.data(), said.size());
  ::close(ends[0]);
  said.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  EXPECT_NE(said.find("ulimit -f"), std::string::npos) << said;
  EXPECT_NE(said.find("1048576"), std::string::npos) << said;
}

TEST(SlotWord, EachPartIsItsOwn) {
  const SlotWord word = SlotWord::make(0xfedcba98, 0xabcd, SlotState::kQueued);
  EXPECT_EQ(word.generation(), 0xfedcba98u);
  EXPECT_EQ(word.worker(), 0xabcd);
  EXPECT_EQ(word.state(), SlotState::kQueued);
  EXPECT_FALSE(word.has_waiter());
  const SlotWord next = word.with_waiter().with(SlotState::kRunning, 7);
  EXPECT_EQ(next.generation(), 0xfedcba98u);
  EXPECT_EQ(next.worker(), 7);
  EXPECT_EQ(next.state(), SlotState::kRunning);
  EXPECT_TRUE(next.has_waiter());
  EXPECT_EQ(next.with(SlotState::kDone).worker(), 7);
  EXPECT_TRUE(next.with(SlotState::kDone).terminal());
  EXPECT_FALSE(next.terminal());
}

TEST(SlotRef, NoneIsNoSlotAndEachSlotHasItsOwn) {
  EXPECT_NE(make_ref(0, 0), 0u);
  EXPECT_EQ(ref_index(make_ref(9, 0)), 0u);
  EXPECT_EQ(ref_index(make_ref(9, 1'048'575)), 1'048'575u);
  EXPECT_EQ(ref_generation(make_ref(0xffffffff, 3)), 0xffffffffu);
  EXPECT_GT(ref_index(0), 1u << 30);
}

}  // namespace
}  // namespace twinpool::processes
