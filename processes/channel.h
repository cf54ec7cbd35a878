// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "processes/segment.h"

/// Messages with descriptors between owner and launcher: one datagram each over a socket pair that has no
/// name.
namespace twinpool::processes {

/// Both ends of a new socket pair (SOCK_SEQPACKET, close-on-exec). Errors: throws std::system_error.
std::pair<Descriptor, Descriptor> make_channel();

/// Sends one message. Gives: false when the other end is gone. Errors: none else; EINTR is handled.
bool send_message(int socket, std::span<const std::byte> bytes, std::span<const int> descriptors = {});

struct Message {
  std::vector<std::byte> bytes;
  std::vector<Descriptor> descriptors;
};
/// Receives one message, waiting for it. Gives: none when the other end is gone.
std::optional<Message> receive_message(int socket);

template <typename T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace twinpool::processes
