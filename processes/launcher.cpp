// SPDX-License-Identifier: Apache-2.0
#include "processes/launcher.h"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "processes/channel.h"
#include "processes/launcher_process.h"
#include "processes/pidfd.h"
#include "processes/worker.h"
#include "processes/worker_options.h"
#include "shared/task.h"

namespace twinpool::processes {
namespace {

std::mutex current_mutex;
std::weak_ptr<Launcher> current;  // guarded by current_mutex

int thread_count() {
  DIR* const tasks = ::opendir("/proc/self/task");
  if (tasks == nullptr)
    throw std::system_error(errno, std::generic_category(), "count threads (/proc/self/task)");
  int count = 0;
  while (const dirent* entry = ::readdir(tasks)) count += entry->d_name[0] != '.' ? 1 : 0;
  ::closedir(tasks);
  return count;
}

}  // namespace

std::shared_ptr<Launcher> Launcher::start() {
  if (in_worker_process())
    throw std::logic_error("a task in a worker process cannot make process pools of its own");
  const std::lock_guard lock(current_mutex);
  if (auto running = current.lock();
      running != nullptr && running->owner_ == ::getpid() && !has_ended(running->pidfd_))
    return running;
  // A thread that was just joined may still be listed for a moment.
  int threads = thread_count();
  for (int i = 0; threads > 1 && i < 50; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    threads = thread_count();
  }
  if (threads > 1) {
    throw std::logic_error(
        "a process pool needs its launcher, which can only be started while the program has one thread (it "
        "has " +
        std::to_string(threads) +
        " now): call twinpool::processes::Launcher::start() first thing in main and keep what it returns");
  }
  auto [ours, theirs] = make_channel();
  const Descriptor self = open_pidfd(::getpid());
  std::shared_ptr<Launcher> launcher(new Launcher);
  launcher->known_tasks_ = TaskRegistry::count();
  std::fflush(nullptr);  // or a child's exit would print what waits in the buffers a second time
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork the launcher of process pools");
  if (pid == 0) {
    ours = Descriptor();
    run_launcher(theirs.get(), self.get());
  }
  launcher->pid_ = pid;
  launcher->owner_ = ::getpid();
  launcher->control_ = std::move(ours);
  launcher->pidfd_ = open_pidfd(pid);
  current = launcher;
  return launcher;
}

Launcher::~Launcher() {
  if (pid_ <= 0 || owner_ != ::getpid()) return;
  ::shutdown(control_.get(), SHUT_RDWR);  // tells it to end, also when a fork of the program holds a copy
  siginfo_t info{};
  // ECHILD: the program reaps all its children itself, and has.
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
  }
}

Descriptor Launcher::open_pool(const Segment& segment, const PoolOptions& options,
                               const PoolDescriptors& given) {
  auto [ours, theirs] = make_channel();
  std::vector<int> descriptors{theirs.get(), segment.descriptor(), given.poke, given.owner_bell, given.board};
  const std::vector<int>& keep = options.processes.keep_descriptors;
  descriptors.insert(descriptors.end(), keep.begin(), keep.end());
  const std::vector<std::byte> bytes = encode_worker_options(worker_options_of(options));
  if (!send_message(control_.get(), bytes, descriptors)) {
    throw std::system_error(errno, std::generic_category(),
                            "ask the launcher (pid " + std::to_string(pid_) + ") for a supervisor");
  }
  return std::move(ours);
}

}  // namespace twinpool::processes
