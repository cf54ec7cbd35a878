// SPDX-License-Identifier: Apache-2.0
#include "processes/fault_report.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <new>

namespace twinpool::processes {
namespace {

[[gnu::noinline]] void write_to(std::uintptr_t address) { *reinterpret_cast<volatile int*>(address) = 1; }
[[gnu::noinline]] int overflow(volatile char* outer) {  // NOLINT: recursion is the point
  volatile char room[4096] = {};
  room[0] = outer != nullptr ? *outer : '\0';
  if (room[0] != '\0') return 0;  // never
  return overflow(room) + room[0];
}

/// A process that crashes, and what it leaves.
class FaultReport : public testing::Test {
 protected:
  ~FaultReport() override { ::munmap(record_, sizeof(FaultRecord)); }

  /// Gives: its wait status.
  int crash(const std::function<void()>& body) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      const rlimit none{.rlim_cur = 0, .rlim_max = 0};
      ::setrlimit(RLIMIT_CORE, &none);
      install_fault_handler(*record_);
      body();
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return status;
  }
  [[nodiscard]] bool has_frame_in(const void* function) const {
    const auto from = reinterpret_cast<std::uintptr_t>(function);
    return std::any_of(record_->frames, record_->frames + record_->frame_count,
                       [&](std::uint64_t frame) { return frame >= from && frame < from + 256; });
  }

  FaultRecord* record_ = new (::mmap(nullptr, sizeof(FaultRecord), PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0)) FaultRecord{};
};

TEST_F(FaultReport, SaysWhatAWriteToNowhereWasAboutAndWhere) {
  const int status = crash([] { write_to(0x18); });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSEGV);
  EXPECT_EQ(record_->written.load(), 1U);
  EXPECT_EQ(record_->signal, SIGSEGV);
  EXPECT_EQ(record_->has_address, 1U);
  EXPECT_EQ(record_->address, 0x18U);
  ASSERT_GE(record_->frame_count, 2U);
  EXPECT_LE(record_->frame_count, FaultRecord::kFrames);
  EXPECT_TRUE(has_frame_in(reinterpret_cast<const void*>(&write_to)));
}

TEST_F(FaultReport, SaysWhereAnAbortWasAndThatItIsAboutNoAddress) {
  const int status = crash([] { std::abort(); });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGABRT);
  EXPECT_EQ(record_->signal, SIGABRT);
  EXPECT_EQ(record_->has_address, 0U);
  EXPECT_GE(record_->frame_count, 2U);
}

TEST_F(FaultReport, ASignalThatSomebodySentIsNotedAndStillKills) {
  const int status = crash([] {
    ::kill(::getpid(), SIGBUS);
    for (;;) ::pause();
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGBUS);
  EXPECT_EQ(record_->signal, SIGBUS);
  EXPECT_EQ(record_->has_address, 0U);
}

TEST_F(FaultReport, AStackThatHasOverflowedIsNotedOnAnother) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer's stacks are larger than its patience";
#endif
  const int status = crash([] { ::_exit(overflow(nullptr)); });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGSEGV);
  EXPECT_EQ(record_->has_address, 1U);
  EXPECT_EQ(record_->frame_count, FaultRecord::kFrames);
}

TEST_F(FaultReport, AHandlerOfTheTasksOwnWins) {
  const int status = crash([] {
    std::signal(SIGSEGV, [](int) { ::_exit(42); });
    write_to(0x18);
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 42);
  EXPECT_EQ(record_->written.load(), 0U);
}

}  // namespace
}  // namespace twinpool::processes
