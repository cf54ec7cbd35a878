// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/bench/command_run.h"
#include "tests/bench/scratch_directory.h"

namespace twinpool::bench {

/// Tests that run the built command: each with files of its own, and nothing left running behind it.
class CommandTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(CommandRun::nothing_left()); }
  [[nodiscard]] std::string path(const char* name) const { return (directory_ / name).string(); }
  [[nodiscard]] nlohmann::json read_json(const char* name) const {
    return nlohmann::json::parse(std::ifstream(path(name)));
  }

  const ScratchDirectory directory_;
};

}  // namespace twinpool::bench
