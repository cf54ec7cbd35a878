// SPDX-License-Identifier: Apache-2.0
#include <zlib.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/workloads/catalogue.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

constexpr Parameter kParameters[] = {{"kilobytes", "size of the text in KiB", 16, 1, 65'536},
                                     {"level", "how hard zlib tries", 6, 1, 9}};

std::string text;
int level = 6;
void set_up(const Settings& settings) {
  level = static_cast<int>(settings["level"]);
  MixSequence random(settings.seed);
  text.clear();
  while (text.size() < settings["kilobytes"] << 10) text += "word" + std::to_string(random.below(500)) + ' ';
}

std::uint64_t compress_and_back(std::uint64_t number) {
  std::string own = text;
  own[number % own.size()] = '#';
  uLongf packed_size = compressBound(own.size());
  std::vector<Bytef> packed(packed_size);
  if (compress2(packed.data(), &packed_size, reinterpret_cast<const Bytef*>(own.data()), own.size(), level) !=
      Z_OK)
    throw std::runtime_error("zlib cannot compress");
  std::string back(own.size(), '\0');
  uLongf back_size = back.size();
  if (uncompress(reinterpret_cast<Bytef*>(back.data()), &back_size, packed.data(), packed_size) != Z_OK ||
      back != own)
    throw std::runtime_error("zlib gives back another text");
  return mix(number) +
         adler32(packed_size, reinterpret_cast<const Bytef*>(back.data()), static_cast<uInt>(back_size));
}

}  // namespace

constinit const Workload kCompress{.name = "compress",
                                   .family = "real",
                                   .sentence = "compresses 16 KiB of text with zlib and unpacks it again",
                                   .exercises = "a library that computes",
                                   .why = "zlib keeps its state to itself",
                                   .parameters = kParameters,
                                   .expected = Expected::kNoDifference,
                                   .margin = 0.1,
                                   .set_up = &set_up,
                                   .task = &compress_and_back};

}  // namespace twinpool::bench
