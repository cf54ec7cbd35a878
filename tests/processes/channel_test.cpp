// SPDX-License-Identifier: Apache-2.0
#include "processes/channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace twinpool::processes {
namespace {

bool same_file(int a, int b) {
  struct stat first {};
  struct stat second {};
  return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

TEST(Channel, AMessageArrivesAsOneWithItsDescriptorsInOrder) {
  auto [left, right] = make_channel();
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const Descriptor read_end(pipe[0]);
  const Descriptor write_end(pipe[1]);
  const std::uint64_t number = 0x1234567890abcdef;
  const std::array<int, 3> sent{write_end.get(), read_end.get(), left.get()};
  ASSERT_TRUE(send_message(left.get(), bytes_of(number), sent));
  ASSERT_TRUE(send_message(left.get(), bytes_of(number)));

  auto message = receive_message(right.get());
  ASSERT_TRUE(message);
  EXPECT_TRUE(std::ranges::equal(message->bytes, bytes_of(number)));
  ASSERT_EQ(message->descriptors.size(), 3u);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    EXPECT_TRUE(same_file(message->descriptors[i].get(), sent[i]));
    EXPECT_NE(::fcntl(message->descriptors[i].get(), F_GETFD) & FD_CLOEXEC, 0);
  }
  ASSERT_EQ(::write(message->descriptors[0].get(), "x", 1), 1);
  char got = 0;
  EXPECT_EQ(::read(message->descriptors[1].get(), &got, 1), 1);

  message = receive_message(right.get());
  ASSERT_TRUE(message);
  EXPECT_TRUE(message->descriptors.empty());
}

TEST(Channel, AsManyDescriptorsAsAreAllowedPass) {
  auto [left, right] = make_channel();
  const std::vector<int> many(128, left.get());
  ASSERT_TRUE(send_message(left.get(), bytes_of(1), many));
  const auto message = receive_message(right.get());
  ASSERT_TRUE(message);
  EXPECT_EQ(message->descriptors.size(), many.size());
}

TEST(Channel, TheEndOfTheOtherSideIsSeenAndIsNoSignal) {
  auto [left, right] = make_channel();
  right = Descriptor();
  EXPECT_FALSE(receive_message(left.get()));
  EXPECT_FALSE(send_message(left.get(), bytes_of(1)));
}

TEST(Channel, ADescriptorClosesItselfOnce) {
  int number = -1;
  {
    Descriptor first(::dup(0));
    number = first.get();
    Descriptor second(std::move(first));
    EXPECT_FALSE(first.open());  // NOLINT: what moving leaves is the point
    EXPECT_EQ(second.get(), number);
    EXPECT_GE(::fcntl(number, F_GETFD), 0);
  }
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

}  // namespace
}  // namespace twinpool::processes
