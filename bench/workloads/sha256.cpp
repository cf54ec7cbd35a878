// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/sha256.h"

#include <openssl/evp.h>

#include <array>
#include <cstring>
#include <span>
#include <stdexcept>

#include "bench/workloads/typed_flow.h"

namespace twinpool::bench {
namespace {

using Digest = std::array<std::uint8_t, 32>;
constexpr std::size_t kVariants = 4;

Digest sha256(std::span<const std::byte> data) {
  Digest digest{};
  unsigned int size = 0;
  if (EVP_Digest(data.data(), data.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1 ||
      size != digest.size()) {
    throw std::runtime_error("OpenSSL gives no SHA-256");
  }
  return digest;
}

class Sha256 {
 public:
  using Result = Digest;
  Sha256(Pool&, const FlowOptions& options) {
    for (std::size_t v = 0; v < kVariants; ++v) {
      payloads_[v] = make_payload(options.seed + v, options.payload_bytes);
      expected_[v] = sha256(payloads_[v]);
    }
  }
  Future<Result> submit(Intake& pool, std::uint64_t number) {
    return pool.submit<sha256>(payloads_[number % kVariants]);
  }
  [[nodiscard]] bool right(std::uint64_t number, const Result& result) const {
    return result == expected_[number % kVariants];
  }
  static std::uint64_t digest(const Result& result) {
    std::uint64_t word = 0;
    std::memcpy(&word, result.data(), sizeof word);
    return word;
  }

 private:
  std::array<std::vector<std::byte>, kVariants> payloads_;
  std::array<Digest, kVariants> expected_{};
};

}  // namespace

constinit const Workload kSha256{.name = "sha256",
                                 .family = "cpu",
                                 .sentence = "hashes its payload with OpenSSL's SHA-256",
                                 .exercises = "CPU over a payload that has to reach the worker",
                                 .why = "nothing is shared but the payload on its way",
                                 .payload = "bytes hashed by a task",
                                 .default_payload_bytes = 64 * 1024,
                                 .payload_crosses = 1,
                                 .expected = Expected::kNoDifference,
                                 .margin = 0.1,
                                 .open = &make_flow<Sha256>};

}  // namespace twinpool::bench
