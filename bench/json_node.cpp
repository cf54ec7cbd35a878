// SPDX-License-Identifier: Apache-2.0
#include "bench/json_node.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>

#include "bench/cli.h"

namespace twinpool::bench {

using nlohmann::json;

namespace {

/// More than any run writes; a mistyped /dev/zero or core file should not fill the memory.
constexpr std::size_t kMostBytes = std::size_t{512} << 20;

}  // namespace

void JsonNode::reject(const std::string& what) const {
  throw UsageError(fmt::format("'{}': {} {}", *file_, place_.empty() ? "it" : place_, what));
}

JsonNode JsonNode::at(const std::string& name) const {
  if (!value_->is_object()) reject("is no object");
  const auto found = value_->find(name);
  if (found == value_->end()) reject(fmt::format("has no \"{}\"", name));
  return {*file_, *found, place_.empty() ? name : fmt::format("{}.{}", place_, name)};
}

std::vector<JsonNode> JsonNode::list() const {
  if (!value_->is_array()) reject("is no list");
  std::vector<JsonNode> nodes;
  for (std::size_t i = 0; i < value_->size(); ++i)
    nodes.emplace_back(*file_, (*value_)[i], fmt::format("{}[{}]", place_, i));
  return nodes;
}

std::string JsonNode::text() const {
  if (!value_->is_string()) reject("is no text");
  return value_->get<std::string>();
}

bool JsonNode::flag() const {
  if (!value_->is_boolean()) reject("is neither true nor false");
  return value_->get<bool>();
}

double JsonNode::number() const {
  if (!value_->is_number() || !std::isfinite(value_->get<double>()))
    reject(fmt::format("is {}, which is no finite number", brief()));
  if (value_->get<double>() < 0) reject(fmt::format("is {}, and must not be below 0", brief()));
  return value_->get<double>();
}

double JsonNode::positive() const {
  const double value = number();
  if (value <= 0) reject("is 0, and must be above 0");
  return value;
}

std::uint64_t JsonNode::count() const {
  if (!value_->is_number_unsigned())
    reject(fmt::format("is {}, which is no whole number of 0 or more", brief()));
  return value_->get<std::uint64_t>();
}

std::int64_t JsonNode::integer(std::int64_t least, std::int64_t most) const {
  if (!value_->is_number_integer() || value_->get<double>() < static_cast<double>(least) ||
      value_->get<double>() > static_cast<double>(most))
    reject(fmt::format("is {}, which is no whole number from {} to {}", brief(), least, most));
  return value_->get<std::int64_t>();
}

Backend JsonNode::backend() const {
  const auto backend = parse_backend(text());
  if (!backend) reject(fmt::format("is '{}', which is no backend", text()));
  return *backend;
}

std::string JsonNode::brief() const {
  const std::string all = value_->dump(-1, ' ', false, json::error_handler_t::replace);
  return all.size() > 40 ? all.substr(0, 37) + "..." : all;
}

std::string read_text_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  if (!file) throw UsageError(fmt::format("cannot read '{}': {}", path, std::strerror(errno)));
  std::string text;
  std::array<char, 1 << 16> block;
  while (const std::size_t got = std::fread(block.data(), 1, block.size(), file.get())) {
    text.append(block.data(), got);
    if (text.size() > kMostBytes)
      throw UsageError(fmt::format("'{}' is larger than any file of twinpool", path));
  }
  if (std::ferror(file.get()) != 0)
    throw UsageError(fmt::format("cannot read '{}': {}", path, std::strerror(errno)));
  return text;
}

json parse_json_text(const std::string& path, std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos)
    throw UsageError(fmt::format("'{}' is empty", path));
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    if (error.byte >= text.size())
      throw UsageError(
          fmt::format("'{}' breaks off after {} bytes, in the middle of its JSON; copy or write it again",
                      path, text.size()));
    throw UsageError(fmt::format("'{}' is not JSON: it cannot be read from byte {} on", path, error.byte));
  } catch (const json::exception&) {  // a number that no double can hold
    throw UsageError(fmt::format("'{}' holds a number that is too large to be one", path));
  }
}

}  // namespace twinpool::bench
