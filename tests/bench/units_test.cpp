// SPDX-License-Identifier: Apache-2.0
#include "bench/units.h"

#include <gtest/gtest.h>

#include <limits>

namespace twinpool::bench {
namespace {

using namespace std::chrono_literals;

TEST(ParseDuration, ReadsEachUnit) {
  EXPECT_EQ(*parse_duration("-d", "250us"), 250us);
  EXPECT_EQ(*parse_duration("-d", "250µs"), 250us);
  EXPECT_EQ(*parse_duration("-d", "1.5ms"), 1500us);
  EXPECT_EQ(*parse_duration("-d", "2s"), 2s);
  EXPECT_EQ(*parse_duration("-d", "2 s"), 2s);
  EXPECT_EQ(*parse_duration("-d", "0.1s"), 100ms);
  EXPECT_EQ(*parse_duration("-d", "3min"), 180s);
  EXPECT_EQ(*parse_duration("-d", "5m"), 300s);
}

TEST(ParseDuration, RefusesWhatIsNone) {
  for (const char* text : {"", "2", "-2s", "+2s", "s", "2ss", "2s ", "2  s", "2e3s", "infs", "nan", "0s",
                           "1e", "9999999min9", "99999999999min", "2h", "0x10s", "1,5s"}) {
    EXPECT_FALSE(parse_duration("-d", text)) << text;
    EXPECT_FALSE(parse_duration("-d", text).error.empty()) << text;
  }
}

TEST(ParseSize, ReadsEachUnit) {
  EXPECT_EQ(*parse_size("-p", "0"), 0u);
  EXPECT_EQ(*parse_size("-p", "4096"), 4096u);
  EXPECT_EQ(*parse_size("-p", "64KiB"), 65536u);
  EXPECT_EQ(*parse_size("-p", "1.5 MiB"), 1572864u);
  EXPECT_EQ(*parse_size("-p", "2GiB"), 2147483648u);
  EXPECT_EQ(*parse_size("-p", "64k"), 64000u);
  EXPECT_EQ(*parse_size("-p", "3M"), 3000000u);
  EXPECT_EQ(*parse_size("-p", "1.1G"), 1100000000u);
}

TEST(ParseSize, SaysWhatIsWrong) {
  EXPECT_EQ(parse_size("--payload", "12 potatoes").error,
            "--payload: '12 potatoes' is not a size; write for example 64KiB");
  EXPECT_EQ(parse_size("--payload", "64K").error,
            "--payload: '64K' is ambiguous; write 64k (times 1000) or 64KiB (times 1024)");
  EXPECT_EQ(parse_size("--payload", "0.3KiB").error,
            "--payload: '0.3KiB' is not a whole size; write for example 64KiB");
  EXPECT_EQ(parse_size("--payload", "99999999999GiB").error,
            "--payload: '99999999999GiB' is too large a size");
  for (const char* text : {"", "K", "-1", "1.5", "64 kib", "1e6", "inf"})
    EXPECT_FALSE(parse_size("-p", text)) << text;
}

TEST(ParseCount, ReadsMultiples) {
  EXPECT_EQ(*parse_count("-n", "0"), 0u);
  EXPECT_EQ(*parse_count("-n", "10k"), 10000u);
  EXPECT_EQ(*parse_count("-n", "1.5M"), 1500000u);
  for (const char* text : {"", "-1", "1.5", "ten", "10 k k", "10KiB"})
    EXPECT_FALSE(parse_count("-n", text)) << text;
}

TEST(ParseInteger, ReadsWholeNumbersWithinItsLimits) {
  EXPECT_EQ(*parse_integer("--priority", "-20", -20, 19), -20);
  EXPECT_EQ(*parse_integer("--priority", "0", -20, 19), 0);
  EXPECT_EQ(*parse_integer("--priority", "19", -20, 19), 19);
  EXPECT_EQ(parse_integer("--priority", "20", -20, 19).error,
            "--priority must be a whole number from -20 to 19, not '20'");
  for (const char* text : {"", "-", "+1", " 1", "1 ", "1.0", "1k", "0x1", "99999999999999999999"})
    EXPECT_FALSE(parse_integer("--priority", text, -20, 19)) << text;
}

TEST(ParseRate, ReadsPeriods) {
  EXPECT_DOUBLE_EQ(*parse_rate("--rate", "10k/s"), 10000);
  EXPECT_DOUBLE_EQ(*parse_rate("--rate", "250"), 250);
  EXPECT_DOUBLE_EQ(*parse_rate("--rate", "2/ms"), 2000);
  EXPECT_DOUBLE_EQ(*parse_rate("--rate", "90/min"), 1.5);
  for (const char* text : {"", "/s", "0/s", "-1/s", "10/h", "10/s/s"})
    EXPECT_FALSE(parse_rate("--rate", text)) << text;
}

TEST(PrintDuration, KeepsThreeDigits) {
  EXPECT_EQ(print_duration(0.0), "0 s");
  EXPECT_EQ(print_duration(350ns), "350 ns");
  EXPECT_EQ(print_duration(1.234e-6), "1.23 us");
  EXPECT_EQ(print_duration(45.67e-3), "45.7 ms");
  EXPECT_EQ(print_duration(0.9999), "1.00 s");
  EXPECT_EQ(print_duration(59.9), "59.9 s");
  EXPECT_EQ(print_duration(1200s), "20.0 min");
  EXPECT_EQ(print_duration(std::numeric_limits<double>::quiet_NaN()), "-");
}

TEST(PrintSize, UsesBinaryUnits) {
  EXPECT_EQ(print_size(0), "0 B");
  EXPECT_EQ(print_size(512), "512 B");
  EXPECT_EQ(print_size(65536), "64.0 KiB");
  EXPECT_EQ(print_size(1.5 * 1024 * 1024), "1.50 MiB");
  EXPECT_EQ(print_size(1023 * 1024.0), "0.999 MiB");
}

TEST(PrintCount, GroupsByThree) {
  EXPECT_EQ(print_count(999), "999");
  EXPECT_EQ(print_count(1000), "1\u202f000");
  EXPECT_EQ(print_count(1234567, Grouping::kComma), "1,234,567");
  EXPECT_EQ(print_count(1234567, Grouping::kNone), "1234567");
}

TEST(PrintRate, RoundsToThreeDigits) {
  EXPECT_EQ(print_rate(1312345, "tasks", Grouping::kComma), "1,310,000 tasks/s");
  EXPECT_EQ(print_rate(999.6, "tasks", Grouping::kComma), "1,000 tasks/s");
  EXPECT_EQ(print_rate(0.5, "restarts"), "0.500 restarts/s");
}

TEST(PrintNumber, KeepsThreeDigitsAtEverySize) {
  EXPECT_EQ(print_number(0), "0");
  EXPECT_EQ(print_number(0.6184), "0.618");
  EXPECT_EQ(print_number(9.999), "10.0");
  EXPECT_EQ(print_number(99.96), "100");
  EXPECT_EQ(print_number(0.001234), "0.00123");
  EXPECT_EQ(print_number(-12345, Grouping::kComma), "-12,300");
}

}  // namespace
}  // namespace twinpool::bench
