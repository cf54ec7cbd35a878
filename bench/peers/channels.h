// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <boost/interprocess/ipc/message_queue.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// Forked processes that give numbers back, over what the system offers: what one writes without a pool.
///
/// All of them: the constructor forks and requires a program of one thread; the processes end with the object,
/// and with the program however that ends. At most kRoom numbers may be on their way. Errors: std::system_error,
/// and boost::interprocess::interprocess_exception from QueuePair.
namespace twinpool::bench::peers {

/// Forked processes that run `work` until they are killed.
class Children {
 public:
  Children() = default;
  Children(const Children&) = delete;
  Children& operator=(const Children&) = delete;
  ~Children();
  void fork(const std::function<void()>& work);

 private:
  std::vector<pid_t> pids_;
};

/// Two message queues of Boost.Interprocess, and workers between them.
class QueuePair {
 public:
  static constexpr std::size_t kRoom = 1024;
  explicit QueuePair(int workers);
  ~QueuePair();
  void send(std::uint64_t number);
  std::uint64_t receive();

 private:
  std::string names_[2];
  std::optional<boost::interprocess::message_queue> there_;
  std::optional<boost::interprocess::message_queue> back_;
  Children children_;
};

/// Two pipes, and workers between them.
class PipePair {
 public:
  static constexpr std::size_t kRoom = 4096;
  explicit PipePair(int workers);
  ~PipePair();
  void send(std::uint64_t number);
  std::uint64_t receive();

 private:
  int there_[2] = {-1, -1};
  int back_[2] = {-1, -1};
  Children children_;
};

/// Two rings in shared memory, each with one writer and one reader, and one peer process that spins while it has
/// work and sleeps (`sched_yield`, then naps) when it has had none for long.
class RingPair {
 public:
  static constexpr std::size_t kRoom = 1024;
  RingPair();
  ~RingPair();
  void send(std::uint64_t number);
  std::uint64_t receive();

  struct Ring;

 private:
  struct Page;
  Page* page_ = nullptr;
  Children children_;
};

/// Shared memory and one peer process, which spins and sleeps as RingPair's: the fewest copies that a payload takes
/// between two who each keep their own.
class Relay {
 public:
  static constexpr std::size_t kRoom = std::size_t{64} << 20;
  /// `make(bytes)` fills what the peer gives, `read` looks at what it is given.
  Relay(std::function<void(std::span<std::byte>)> make, std::function<void(std::span<const std::byte>)> read);
  ~Relay();
  /// Copies `from` into shared memory and has the peer read it there.
  void send(std::span<const std::byte> from);
  /// Has the peer copy what it has made into shared memory, and copies that into `to`.
  void fetch(std::span<std::byte> to);

 private:
  struct Page;
  void serve();
  void ask(std::uint64_t number);

  std::function<void(std::span<std::byte>)> make_;
  std::function<void(std::span<const std::byte>)> read_;
  Page* page_ = nullptr;
  Children children_;
};

}  // namespace twinpool::bench::peers
