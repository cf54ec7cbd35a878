// SPDX-License-Identifier: Apache-2.0
#include "bench/kernel_file.h"

#include <array>
#include <cstdio>
#include <memory>

namespace twinpool::bench {

std::optional<std::string> read_kernel_file(const std::filesystem::path& file) {
  const std::unique_ptr<std::FILE, decltype(&std::fclose)> in(std::fopen(file.c_str(), "re"), &std::fclose);
  if (in == nullptr) return std::nullopt;
  std::string text;
  std::array<char, 4096> part;
  while (const std::size_t got = std::fread(part.data(), 1, part.size(), in.get()))
    text.append(part.data(), got);
  if (std::ferror(in.get()) != 0) return std::nullopt;
  return text;
}

}  // namespace twinpool::bench
