// SPDX-License-Identifier: Apache-2.0
#include "bench/trial.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <vector>

#include "bench/interrupt.h"

namespace twinpool::bench {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kOutputKept = 4096;
constexpr std::size_t kMarkBytes = 64;
constexpr auto kOrphanLimit = std::chrono::seconds(1);

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

/// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { reset(); }
  void reset() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Descriptor make_memory_file(const char* name) {
  Descriptor file(memfd_create(name, MFD_CLOEXEC));
  if (file.get() < 0) fail("cannot make a memory file for a trial");
  return file;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("cannot write to a trial's memory file");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// The file's last `limit` bytes.
std::string read_tail(int fd, std::size_t limit) {
  struct stat status {};
  if (fstat(fd, &status) != 0) fail("cannot look at a trial's memory file");
  const auto size = static_cast<std::size_t>(status.st_size);
  std::string text(std::min(size, limit), '\0');
  std::size_t done = 0;
  while (done < text.size()) {
    const auto at = static_cast<off_t>(size - text.size() + done);
    const ssize_t got = pread(fd, text.data() + done, text.size() - done, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("cannot read a trial's memory file");
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  text.resize(done);
  return text;
}

TrialPage* map_page(int fd) {
  void* const memory = mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) fail("cannot map a trial's counters");
  return static_cast<TrialPage*>(memory);
}

void add_usage(TrialEnd& end, const rusage& usage) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  end.user_s += seconds(usage.ru_utime);
  end.system_s += seconds(usage.ru_stime);
  end.voluntary_switches += usage.ru_nvcsw;
  end.involuntary_switches += usage.ru_nivcsw;
}

/// Every child of this process that the kernel names: after a trial's end, its orphans.
std::vector<pid_t> children() {
  std::ifstream file(fmt::format("/proc/self/task/{}/children", getpid()));
  std::vector<pid_t> pids;
  for (pid_t pid = 0; file >> pid;) pids.push_back(pid);
  return pids;
}

/// Waits for the orphans of an ended trial and kills those that stay. Gives: how many were killed.
int reap_orphans(TrialEnd& end) {
  const auto patience = Clock::now() + kOrphanLimit;
  std::vector<pid_t> killed;
  while (true) {
    rusage usage{};
    const pid_t reaped = wait4(-1, nullptr, WNOHANG, &usage);
    if (reaped > 0) add_usage(end, usage);
    if (reaped < 0 && errno == ECHILD) break;
    if (reaped != 0) continue;
    if (Clock::now() > patience) {
      for (const pid_t pid : children()) {
        if (std::find(killed.begin(), killed.end(), pid) != killed.end()) continue;
        ::kill(pid, SIGKILL);
        killed.push_back(pid);
      }
      if (Clock::now() > patience + kOrphanLimit)
        break;  // unkillable: asleep in the kernel, or hidden from /proc
    }
    poll(nullptr, 0, 1);
  }
  return static_cast<int>(killed.size());
}

struct Handles {
  int spec, result, page, control, output;
};

/// The child's last steps before it becomes the trial. Only async-signal-safe calls.
[[noreturn]] void become_trial(const char* program, char* const* arguments, const Handles& handles,
                               pid_t driver) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != driver) _exit(127);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing >= 0) dup2(nothing, STDIN_FILENO);
  dup2(handles.output, STDOUT_FILENO);
  dup2(handles.output, STDERR_FILENO);
  for (const int fd : {handles.spec, handles.result, handles.page, handles.control}) fcntl(fd, F_SETFD, 0);
  execv(program, arguments);
  const char text[] = "the trial's program cannot be started\n";
  (void)!write(STDERR_FILENO, text, sizeof text - 1);
  _exit(127);
}

}  // namespace

std::string describe(const TrialEnd& end) {
  switch (end.how) {
    case TrialEnd::How::kExited:
      return fmt::format("exited with status {}", end.exit_status);
    case TrialEnd::How::kKilled: {
      const char* const name = sigabbrev_np(end.signal);
      return name != nullptr ? fmt::format("was killed by SIG{}", name)
                             : fmt::format("was killed by signal {}", end.signal);
    }
    case TrialEnd::How::kDeadline:
      return fmt::format("was ended after {:.1f} s", end.wall_s);
    case TrialEnd::How::kInterrupted:
      return "was interrupted";
  }
  return "ended in an unknown way";
}

struct Trial::State {
  TrialOptions options;
  Descriptor spec = make_memory_file("twinpool-trial-spec");
  Descriptor result = make_memory_file("twinpool-trial-result");
  Descriptor counters = make_memory_file("twinpool-trial-page");
  Descriptor output = make_memory_file("twinpool-trial-output");
  Descriptor control;
  Descriptor pidfd;
  TrialPage* page = nullptr;
  pid_t pid = -1;
  Clock::time_point begun;
  std::optional<TrialEnd> end;
  std::optional<TrialEnd::How> killed_as;

  ~State() {
    if (page != nullptr) munmap(page, kPageBytes);
  }

  /// Waits for something to happen: the end, Ctrl-C, `until`, and a mark where somebody will read it (a
  /// closed control socket would else end every wait at once).
  void wait(Clock::time_point until, bool for_mark = false) {
    const int milliseconds = static_cast<int>(std::clamp<std::int64_t>(
        std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count(), 0, 60'000));
    pollfd waits[] = {{pidfd.get(), POLLIN, 0},
                      {for_mark ? control.get() : -1, POLLIN, 0},
                      {Interrupt::descriptor(), POLLIN, 0}};
    if (poll(waits, 3, milliseconds) < 0 && errno != EINTR) fail("cannot wait for a trial");
    if (!killed_as && Interrupt::pending() != 0) end_as(TrialEnd::How::kInterrupted);
    if (!killed_as && Clock::now() >= begun + options.limit) end_as(TrialEnd::How::kDeadline);
  }

  void end_as(TrialEnd::How how) {
    if (end) return;
    killed_as = how;
    ::kill(pid, SIGKILL);  // not reaped yet, so the number is still its own
  }

  bool reap() {
    if (end) return true;
    int status = 0;
    rusage usage{};
    const pid_t reaped = wait4(pid, &status, WNOHANG, &usage);
    if (reaped == 0) return false;
    if (reaped < 0) fail("cannot reap a trial");
    TrialEnd ended;
    ended.wall_s = std::chrono::duration<double>(Clock::now() - begun).count();
    add_usage(ended, usage);
    ended.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    ended.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    ended.how = WIFEXITED(status) ? TrialEnd::How::kExited : killed_as.value_or(TrialEnd::How::kKilled);
    ended.left_over = reap_orphans(ended);
    ended.output = read_tail(output.get(), kOutputKept);
    end = std::move(ended);
    return true;
  }
};

Trial::Trial(std::string_view kind, const nlohmann::json& spec, const TrialOptions& options)
    : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.options = options;
  write_all(state.spec.get(), spec.dump());
  if (ftruncate(state.counters.get(), kPageBytes) != 0) fail("cannot size a trial's counters");
  state.page = map_page(state.counters.get());
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0)
    fail("cannot make a trial's control socket");
  state.control = Descriptor(sockets[0]);
  const Descriptor trial_control(sockets[1]);
  prctl(PR_SET_CHILD_SUBREAPER, 1);

  const Handles handles{state.spec.get(), state.result.get(), state.counters.get(), trial_control.get(),
                        state.output.get()};
  std::vector<std::string> words{options.program, std::string(kTrialCommand), std::string(kind)};
  for (const int fd : {handles.spec, handles.result, handles.page, handles.control})
    words.push_back(std::to_string(fd));
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);

  state.begun = Clock::now();
  const pid_t driver = getpid();
  state.pid = fork();
  if (state.pid < 0) fail("cannot start a trial");
  if (state.pid == 0) become_trial(options.program.c_str(), arguments.data(), handles, driver);
  setpgid(state.pid, state.pid);
  state.pidfd = Descriptor(static_cast<int>(syscall(SYS_pidfd_open, state.pid, 0)));
  if (state.pidfd.get() < 0) {
    const int error = errno;
    state.end_as(TrialEnd::How::kKilled);
    waitpid(state.pid, nullptr, 0);
    errno = error;
    fail("cannot watch a trial");
  }
}

Trial::~Trial() {
  if (state_->end) return;
  kill();
  try {
    finish();
  } catch (const std::exception&) {
    // Nothing more can be done for a child that cannot be waited for.
  }
}

int Trial::pid() const { return state_->pid; }

const TrialPage& Trial::page() const { return *state_->page; }

std::optional<std::string> Trial::wait_for_mark(Clock::time_point until) {
  while (!state_->reap()) {
    char mark[kMarkBytes];
    const ssize_t got = recv(state_->control.get(), mark, sizeof mark, MSG_DONTWAIT);
    if (got > 0) return std::string(mark, static_cast<std::size_t>(got));
    if (got == 0) break;  // its end is closed: it is about to be reaped
    if (Clock::now() >= until) return std::nullopt;
    state_->wait(std::min(until, state_->begun + state_->options.limit), true);
  }
  finish();
  return std::nullopt;
}

void Trial::resume() {
  const char go = 1;
  (void)!send(state_->control.get(), &go, 1, MSG_NOSIGNAL);  // a trial that is gone says so by its end
}

bool Trial::wait_until(Clock::time_point until) {
  while (!state_->reap()) {
    if (Clock::now() >= until) return false;
    state_->wait(std::min(until, state_->begun + state_->options.limit));
  }
  return true;
}

const TrialEnd& Trial::finish() {
  while (!state_->reap()) {
    const auto deadline = state_->begun + state_->options.limit;
    state_->wait(state_->killed_as ? Clock::now() + std::chrono::seconds(1) : deadline);
  }
  return *state_->end;
}

void Trial::kill() { state_->end_as(TrialEnd::How::kKilled); }

nlohmann::json Trial::result() const {
  const std::string text = read_tail(state_->result.get(), SIZE_MAX);
  auto value = nlohmann::json::parse(text, nullptr, false);
  return value.is_discarded() ? nlohmann::json() : value;
}

}  // namespace twinpool::bench
