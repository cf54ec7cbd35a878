// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace twinpool::bench::micro {

/// Two processes that hand one number to and fro over a shared page, spinning as the pools do and then
/// sleeping on a futex: what this machine can do at best, with no pool around it.
///
/// The peer ends with this object, and with the program however that ends.
class PingPong {
 public:
  /// Forks the peer. Requires: the program has one thread, and the calling one lives as long as the program.
  ///
  /// Errors: std::system_error.
  PingPong();
  PingPong(const PingPong&) = delete;
  PingPong& operator=(const PingPong&) = delete;
  ~PingPong();

  /// Sends `number` to the peer and waits until it has come back.
  ///
  /// Errors: std::runtime_error when the peer has not answered for a second.
  std::uint64_t round(std::uint64_t number);

 private:
  struct Page;
  [[noreturn]] static void answer(Page& page, pid_t owner) noexcept;

  Page* page_ = nullptr;
  std::uint32_t turn_ = 0;
  pid_t peer_ = 0;
};

}  // namespace twinpool::bench::micro
