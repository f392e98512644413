// The bytes of permessage-deflate (RFC 7692): messages compressed and inflated, each alone, without
// context of those before it. So one compressed message is right for every client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct z_stream_s;

namespace bridge {

// Compresses messages. Its memory, some 300 KB, is taken by the first one and used again for all
// others. One thread.
class Deflater {
 public:
  static constexpr int kLevelMin = 1;
  static constexpr int kLevelMax = 9;

  // What became of the messages that were worth it.
  struct Tally {
    std::uint64_t messages = 0;
    std::uint64_t bytes_before = 0;
    std::uint64_t bytes_after = 0;
  };

  // REQUIRES: kLevelMin <= level <= kLevelMax; 1 is the quickest.
  explicit Deflater(int level);
  ~Deflater();

  // The payload of the compressed message, without the four bytes that RFC 7692 section 7.2.1 takes
  // off, until the next call; empty where it would be no smaller than `message`, or memory is
  // short.
  std::string_view compress(std::string_view message);

  // Gives its memory back until the next message.
  void release();

  const Tally& tally() const { return tally_; }

 private:
  struct End {
    void operator()(z_stream_s* stream) const;
  };

  const int level_;
  std::unique_ptr<z_stream_s, End> stream_;
  std::string out_;
  Tally tally_;
};

enum class Inflated {
  whole,
  too_large,    // than the limit
  not_deflate,  // or only the beginning of it
  refers_back,  // to bytes before its own: deflate that goes on from an earlier message
};

// Inflates one message's payload, all of its fragments, into `out`, whose memory stays within
// `bytes_max` whatever the payload would become. Only with `whole` is `out` of use.
[[nodiscard]] Inflated inflate_message(std::string_view payload, std::size_t bytes_max,
                                       std::string& out);

}  // namespace bridge
