// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace twinpool::processes {

/// Names for return addresses that a worker has left, innermost first: "parse(int)+0x1c (/usr/bin/app+0x1234)", or
/// without the name where the object file exports none (link with -rdynamic).
///
/// A worker is a fork of this program, so its code lies where this program's lies; an address in nothing that is
/// loaded here is given as a number. Nothing is read through the addresses. The numbers after '+' are for
/// addr2line(1).
[[nodiscard]] std::vector<std::string> symbolise(std::span<const std::uint64_t> frames);

}  // namespace twinpool::processes
