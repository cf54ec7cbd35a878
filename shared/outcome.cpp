// SPDX-License-Identifier: Apache-2.0
#include "shared/outcome.h"

#include <cxxabi.h>
#include <string.h>  // sigabbrev_np

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <typeinfo>

namespace twinpool {
namespace {

std::string readable(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  return status == 0 && text != nullptr ? text.get() : type.name();
}

std::string signal_name(int signal) {
  const char* name = sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

std::string readable(std::chrono::nanoseconds duration) {
  if (duration < std::chrono::microseconds(10)) return std::to_string(duration.count()) + " ns";
  if (duration < std::chrono::milliseconds(10)) return std::to_string(duration.count() / 1000) + " us";
  if (duration < std::chrono::seconds(10)) return std::to_string(duration.count() / 1'000'000) + " ms";
  return std::to_string(duration.count() / 1'000'000'000) + " s";
}

}  // namespace

std::string_view name_of(FailureKind kind) {
  switch (kind) {
    case FailureKind::kThrew:
      return "threw";
    case FailureKind::kCancelled:
      return "cancelled";
    case FailureKind::kTimedOut:
      return "timed_out";
    case FailureKind::kWorkerLost:
      return "worker_lost";
    case FailureKind::kPoolClosed:
      return "pool_closed";
    case FailureKind::kResultTooLarge:
      return "result_too_large";
    case FailureKind::kOutOfMemory:
      return "out_of_memory";
  }
  return "unknown";
}

Failure failure_of_current_exception() {
  Failure failure{.kind = FailureKind::kThrew, .type_name = "unknown", .message = "", .loss = std::nullopt};
  if (const std::type_info* type = abi::__cxa_current_exception_type()) failure.type_name = readable(*type);
  try {
    throw;
  } catch (const std::exception& error) {
    failure.message = error.what();
  } catch (const std::string& text) {
    failure.message = text;
  } catch (const char* text) {
    failure.message = text != nullptr ? text : "";
  } catch (...) {
    failure.message = "an exception that is not a std::exception";
  }
  return failure;
}

std::string describe(const WorkerLoss& loss, std::string_view task_name) {
  if (loss.worker < 0) return "no worker was left to run '" + std::string(task_name) + "'";
  std::string text = "worker " + std::to_string(loss.worker) + " (pid " + std::to_string(loss.pid) + ") ";
  text += loss.signal != 0 ? "was killed by " + signal_name(loss.signal)
                           : "exited with status " + std::to_string(loss.exit_status);
  if (loss.address) {
    std::array<char, 24> address{};
    std::snprintf(address.data(), address.size(), "0x%llx", static_cast<unsigned long long>(*loss.address));
    text += std::string(" at address ") + address.data();
  }
  if (!loss.was_running) return text;
  text += " while running '" + std::string(task_name) + "'";
  if (loss.attempts > 1) {
    text += " (attempt " + std::to_string(loss.attempt) + " of " + std::to_string(loss.attempts) +
            (loss.quarantined ? "; quarantined: it has killed too many workers)" : ")");
  }
  if (loss.ran.count() > 0) text += ", after " + readable(loss.ran);
  return text;
}

}  // namespace twinpool
