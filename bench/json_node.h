// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/backend.h"

/// Strict reading of the JSON files that users give: every complaint names the file and the place in it.
namespace twinpool::bench {

/// A value and where it stands. Its file's name and its document must outlive it.
///
/// Errors: UsageError from every reader, with one sentence.
class JsonNode {
 public:
  JsonNode(const std::string& file, const nlohmann::json& value, std::string place)
      : file_(&file), value_(&value), place_(std::move(place)) {}

  [[noreturn]] void reject(const std::string& what) const;
  [[nodiscard]] JsonNode at(const std::string& name) const;
  [[nodiscard]] bool is_null() const { return value_->is_null(); }
  [[nodiscard]] bool has(const char* name) const { return value_->is_object() && value_->contains(name); }
  [[nodiscard]] std::vector<JsonNode> list() const;
  [[nodiscard]] std::string text() const;
  [[nodiscard]] bool flag() const;
  /// A finite number of 0 or more.
  [[nodiscard]] double number() const;
  [[nodiscard]] double positive() const;
  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] std::int64_t integer(std::int64_t least, std::int64_t most) const;
  [[nodiscard]] Backend backend() const;
  [[nodiscard]] const nlohmann::json& value() const { return *value_; }
  [[nodiscard]] const std::string& place() const { return place_; }
  /// The value as text, cut to 40 letters.
  [[nodiscard]] std::string brief() const;

 private:
  const std::string* file_;
  const nlohmann::json* value_;
  std::string place_;
};

/// Gives:  the whole file.
/// Errors: UsageError: it cannot be read, or is larger than anything that twinpool writes.
[[nodiscard]] std::string read_text_file(const std::string& path);
/// Errors: UsageError that names `path`: empty, broken off, no JSON, a number that no double can hold.
[[nodiscard]] nlohmann::json parse_json_text(const std::string& path, std::string_view text);

}  // namespace twinpool::bench
