// Walks the frames of one client and checks that its events are all there, in order, each once.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

// A protocol whose messages travel as a stream of bytes inside WebSocket frames, several to a frame
// or one over several. Immutable.
class StreamSyntax {
 public:
  struct Message {
    std::size_t bytes = 0;   // 0 = not all of it is there yet
    std::string_view event;  // "" if it carries none
    std::string_view error;  // "" or what the server complains of
  };

  virtual ~StreamSyntax() = default;
  // The message at the front of `stream`, which is never empty.
  virtual Message front(std::string_view stream) const = 0;
};

// How the events of a subject are numbered, and where they stand.
struct SequenceRule {
  // The text before the number, such as "\"source_seq\":". Frames without it are no bench events.
  std::string key = R"("source_seq":)";
  // After this number comes 1 again; 0 = never.
  std::uint64_t cycle = 0;
  // Of so many numbers in a row, again and again, those that a client's filter passes, at least one;
  // empty = all. Not together with `cycle`.
  std::vector<bool> passes;
  // Must outlive all checkers; null = each event is a text frame of its own.
  const StreamSyntax* stream = nullptr;
};

// Told of each event; for measurements that look at single ones.
class EventListener {
 public:
  virtual ~EventListener() = default;
  // Called on one thread only.
  virtual void on_event(std::uint64_t number, std::chrono::steady_clock::time_point read_at) = 0;
  // Who is told by the reader's `thread`th thread, from 0; must live as long as this. Asked in order, before any event. By
  // default this, for who listens to no more clients than one thread reads.
  virtual EventListener& of_thread(std::size_t /*thread*/) { return *this; }
};

// A fixed text with a decimal number behind it that counts up in place: comparing that with what
// came is cheaper than parsing numbers, and it is done for each event of each client.
class CountingText {
 public:
  explicit CountingText(const std::string& prefix)
      : prefix_bytes_(prefix.size()), text_(prefix + '1') {}

  std::string_view text() const { return text_; }
  std::string_view number() const { return text().substr(prefix_bytes_); }

  void increment() {
    std::size_t i = text_.size();
    while (i > prefix_bytes_ && text_[i - 1] == '9') text_[--i] = '0';
    if (i > prefix_bytes_) {
      ++text_[i - 1];
    } else {
      text_.insert(prefix_bytes_, 1, '1');
    }
  }
  void restart() { text_.replace(prefix_bytes_, std::string::npos, "1"); }

 private:
  std::size_t prefix_bytes_;
  std::string text_;
};

// The state of one client. Belongs to one thread.
class FrameChecker {
 public:
  // `rule` and `listener` (which may be null) must outlive this. `key_hint` is where the key was
  // found last, shared by all clients of a thread: the frames of a moment are alike.
  FrameChecker(const SequenceRule& rule, EventListener* listener, std::size_t& key_hint)
      : rule_(&rule), listener_(listener), key_hint_(&key_hint), expected_(rule.key) {
    skip_filtered();
  }

  // Checks all whole frames (of a stream: all whole messages) at the front of `bytes` and returns
  // how many bytes they were; the rest is to come again, with more behind it. Stops at the first
  // thing that is wrong: failure() says it then.
  std::size_t take(std::string_view bytes, std::chrono::steady_clock::time_point read_at);

  // Bench events seen so far.
  std::uint64_t events() const { return events_; }
  // Up to which published event this client has all that passes its filter, counted from 1.
  std::uint64_t position() const { return events_ + filtered_; }
  const std::string& failure() const { return failure_; }
  // A ping's payload that wants its pong; empties what it returns.
  bool take_ping(std::string& payload);

 private:
  void skip_filtered();
  std::size_t take_frame(std::string_view bytes, std::chrono::steady_clock::time_point read_at);
  std::size_t take_stream(std::string_view bytes, std::chrono::steady_clock::time_point read_at);
  std::size_t take_messages(std::string_view stream, std::chrono::steady_clock::time_point read_at);
  void take_text(std::string_view payload, std::chrono::steady_clock::time_point read_at);
  void take_control(unsigned opcode, std::string_view payload);

  const SequenceRule* rule_;
  EventListener* listener_;
  std::size_t* key_hint_;
  std::uint64_t events_ = 0;
  std::uint64_t filtered_ = 0;
  std::uint64_t next_ = 1;
  CountingText expected_;
  std::uint64_t frame_left_ = 0;  // of a stream: bytes of the frame at hand that are still to come
  std::string begun_;             // of a stream: a message that goes on in the next frame
  bool pinged_ = false;
  std::string ping_;
  std::string failure_;
};

}  // namespace bench
