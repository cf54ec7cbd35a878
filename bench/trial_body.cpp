// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>
#include <cerrno>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <system_error>

#include "bench/trial.h"

namespace twinpool::bench {
namespace {

constexpr int kExitUnfit = 4;
constexpr int kArguments = 7;  // program, __trial, kind, and four descriptors

TrialPage* own_page = nullptr;

/// What the driver handed over, in the order in which it names the descriptors.
struct Handed {
  int spec, result, page, control;
};

int descriptor_from(const char* text) {
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (end == text || *end != '\0' || fcntl(static_cast<int>(value), F_GETFD) < 0) {
    throw std::invalid_argument(fmt::format("'{}' is not an open descriptor", text));
  }
  fcntl(static_cast<int>(value), F_SETFD, FD_CLOEXEC);
  return static_cast<int>(value);
}

Handed take_over(char** argv) {
  return {descriptor_from(argv[3]), descriptor_from(argv[4]), descriptor_from(argv[5]),
          descriptor_from(argv[6])};
}

std::string read_spec(int fd) {
  std::string text;
  char block[4096];
  off_t at = 0;
  while (true) {
    const ssize_t got = pread(fd, block, sizeof block, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::system_error(errno, std::generic_category(), "cannot read the trial's spec");
    if (got == 0) return text;
    text.append(block, static_cast<std::size_t>(got));
    at += got;
  }
}

void write_result(int fd, const nlohmann::json& result) {
  const std::string text = result.dump();
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = write(fd, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0)
      throw std::system_error(errno, std::generic_category(), "cannot write the trial's result");
    done += static_cast<std::size_t>(written);
  }
}

int run(const TrialKind& kind, const Handed& handed, TrialPage& page) {
  bool unfit = false;
  std::string error;
  try {
    TrialContext context(nlohmann::json::parse(read_spec(handed.spec)), page, handed.control);
    const nlohmann::json result = kind.body(context);
    page.phase = TrialPhase::kDone;
    write_result(handed.result, result);
    return 0;
  } catch (const std::system_error& refusal) {
    unfit = true;
    error = refusal.what();
  } catch (const std::bad_alloc&) {
    unfit = true;
    error = "not enough memory";
  } catch (const std::exception& mistake) {
    error = mistake.what();
  }
  write_result(handed.result, {{"error", error}, {"unfit", unfit}});
  return unfit ? kExitUnfit : 1;
}

}  // namespace

void TrialContext::pause(std::string_view mark) {
  if (control_ < 0) return;
  char go = 0;
  if (send(control_, mark.data(), mark.size(), MSG_NOSIGNAL) < 0) return;
  while (recv(control_, &go, 1, 0) < 0 && errno == EINTR) {
  }
}

TrialPage* trial_page() { return own_page; }

int trial_main(std::span<const TrialKind> kinds, int argc, char** argv) {
  try {
    if (argc != kArguments) throw std::invalid_argument("trials are started by the bench itself");
    const TrialKind* kind = nullptr;
    for (const TrialKind& candidate : kinds) {
      if (candidate.name == argv[2]) kind = &candidate;
    }
    if (kind == nullptr) throw std::invalid_argument(fmt::format("there is no trial of kind '{}'", argv[2]));
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);  // a core dump would delay the end that is being measured
    const Handed handed = take_over(argv);
    void* const memory = mmap(nullptr, sizeof(TrialPage), PROT_READ | PROT_WRITE, MAP_SHARED, handed.page, 0);
    if (memory == MAP_FAILED)
      throw std::system_error(errno, std::generic_category(), "cannot map the trial's counters");
    own_page = static_cast<TrialPage*>(memory);
    return run(*kind, handed, *own_page);
  } catch (const std::exception& error) {
    fmt::print(stderr, "twinpool: {}\n", error.what());
    return 1;
  }
}

}  // namespace twinpool::bench
