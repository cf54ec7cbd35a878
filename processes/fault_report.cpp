// SPDX-License-Identifier: Apache-2.0
#include "processes/fault_report.h"

#include <execinfo.h>
#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace twinpool::processes {
namespace {

constexpr std::array kFatal{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
/// A backtrace needs a few KiB; the unwinder of C++ more for large frames.
constexpr std::size_t kStackBytes = 128 << 10;

FaultRecord* own_record = nullptr;

/// Where the thread was when the signal came; null where this program does not know how to tell.
void* interrupted_at(const void* context) {
#if defined(__x86_64__)
  return reinterpret_cast<void*>(static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(static_cast<const ucontext_t*>(context)->uc_mcontext.pc);
#else
  static_cast<void>(context);
  return nullptr;
#endif
}

void note_frames(FaultRecord& record, const void* context) {
  constexpr int kMore = 8;  // the handler's own frames
  std::array<void*, FaultRecord::kFrames + kMore> frames;  // NOLINT: filled below
  const int count = ::backtrace(frames.data(), static_cast<int>(frames.size()));
  int first = 0;
  void* const at = interrupted_at(context);
  while (first < count && frames[static_cast<std::size_t>(first)] != at) ++first;
  if (first == count) first = 0;
  std::uint32_t kept = 0;
  for (int i = first; i < count && kept < FaultRecord::kFrames; ++i, ++kept)
    record.frames[kept] = reinterpret_cast<std::uintptr_t>(frames[static_cast<std::size_t>(i)]);
  record.frame_count = kept;
}

void on_fault(int signal, siginfo_t* info, void* context) {
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  ::sigaction(signal, &plain, nullptr);
  FaultRecord& record = *own_record;
  // Of several threads that crash at once the first is noted.
  if (record.written.load(std::memory_order_relaxed) == 0) {
    const bool of_memory = signal == SIGSEGV || signal == SIGBUS;
    record.signal = signal;
    record.has_address = of_memory && info->si_code > 0 && info->si_code != SI_KERNEL ? 1 : 0;
    record.address = reinterpret_cast<std::uintptr_t>(info->si_addr);
    record.frame_count = 0;
    record.written.store(1, std::memory_order_release);
    note_frames(record, context);
  }
  // What the processor refused it refuses again when this returns. What somebody sent has to be sent again; it
  // stays pending until this returns.
  if (info->si_code <= 0) ::pthread_kill(::pthread_self(), signal);
}

}  // namespace

void install_fault_handler(FaultRecord& record) {
  own_record = &record;
  std::array<void*, 4> once{};
  ::backtrace(once.data(), static_cast<int>(once.size()));  // loads what it needs
  void* const memory =
      ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;  // without it a stack that has overflowed would be written to
  stack_t stack{};
  stack.ss_sp = memory;
  stack.ss_size = kStackBytes;
  ::sigaltstack(&stack, nullptr);
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (const int signal : kFatal) ::sigaction(signal, &action, nullptr);
}

void note_faults_in(FaultRecord& record) { own_record = &record; }

}  // namespace twinpool::processes
