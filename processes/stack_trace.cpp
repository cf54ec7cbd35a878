// SPDX-License-Identifier: Apache-2.0
#include "processes/stack_trace.h"

#include <cxxabi.h>
#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace twinpool::processes {
namespace {

std::string hexadecimal(std::uint64_t value) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "0x%llx", static_cast<unsigned long long>(value));
  return text.data();
}

std::string readable(const char* symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(symbol, nullptr, nullptr, &status), &std::free);
  return status == 0 && text != nullptr ? text.get() : symbol;
}

std::string symbolise_one(std::uint64_t address, bool is_call) {
  // A return address may be the first of the next function: look at the call before it.
  const std::uint64_t inside = is_call && address != 0 ? address - 1 : address;
  Dl_info info{};
  if (::dladdr(reinterpret_cast<void*>(static_cast<std::uintptr_t>(inside)), &info) == 0 || info.dli_fname == nullptr)
    return hexadecimal(address);
  const auto base = reinterpret_cast<std::uintptr_t>(info.dli_fbase);
  const std::string where = std::string(info.dli_fname) + "+" + hexadecimal(inside - base);
  if (info.dli_sname == nullptr) return where;
  const auto start = reinterpret_cast<std::uintptr_t>(info.dli_saddr);
  return readable(info.dli_sname) + "+" + hexadecimal(inside - start) + " (" + where + ")";
}

}  // namespace

std::vector<std::string> symbolise(std::span<const std::uint64_t> frames) {
  std::vector<std::string> lines;
  for (const std::uint64_t frame : frames) lines.push_back(symbolise_one(frame, !lines.empty()));
  return lines;
}

}  // namespace twinpool::processes
