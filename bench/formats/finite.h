// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

namespace twinpool::bench {

/// Puts a figure under a key, or nothing where there is none or it is NaN or infinite: consumers written in
/// JavaScript and Rust refuse such JSON as a whole.
inline void put(nlohmann::json& object, const char* key, std::optional<double> value) {
  if (value && std::isfinite(*value)) object[key] = *value;
}

}  // namespace twinpool::bench
