// websocketpp's message, but one that can carry bytes it shares with others.
//
// The bridge frames events once for all clients. websocketpp writes the payload of a "prepared" message
// as it is, so a message that lends out a shared string as its payload goes to a client without being
// copied. Its end, written or not, is told to whoever sent it: websocketpp has no other sign that its
// queue has drained. Written against websocketpp 0.8.2's message_buffer::message, whose interface it
// keeps.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <websocketpp/frame.hpp>

namespace bridge {

template <template <class> class ConMsgManager>
class WireMessage {
 public:
  using ptr = std::shared_ptr<WireMessage>;
  using con_msg_man_type = ConMsgManager<WireMessage>;
  using con_msg_man_ptr = typename con_msg_man_type::ptr;
  using con_msg_man_weak_ptr = typename con_msg_man_type::weak_ptr;
  // Told of each end; one that is gone is not.
  class Sender {
   public:
    virtual void written(std::size_t bytes) = 0;

   protected:
    ~Sender() = default;
  };

  explicit WireMessage(const con_msg_man_ptr&) {}
  WireMessage(const con_msg_man_ptr&, websocketpp::frame::opcode::value op, std::size_t size = 128)
      : opcode_(op) {
    payload_.reserve(size);
  }
  // Whole frames, to be written as they are.
  WireMessage(std::shared_ptr<const std::string> frames, std::weak_ptr<Sender> sender)
      : shared_(std::move(frames)), sender_(std::move(sender)), prepared_(true) {}
  ~WireMessage() {
    if (const auto sender = sender_.lock()) sender->written(shared_->size());
  }
  WireMessage(const WireMessage&) = delete;
  WireMessage& operator=(const WireMessage&) = delete;

  bool get_prepared() const { return prepared_; }
  void set_prepared(bool value) { prepared_ = value; }
  bool get_compressed() const { return compressed_; }
  void set_compressed(bool value) { compressed_ = value; }
  // It is compressed against what was agreed on: there is nothing in it.
  bool keeps_context() const { return keeps_context_; }
  void set_keeps_context() { keeps_context_ = true; }
  bool get_terminal() const { return terminal_; }
  void set_terminal(bool value) { terminal_ = value; }
  bool get_fin() const { return fin_; }
  void set_fin(bool value) { fin_ = value; }
  websocketpp::frame::opcode::value get_opcode() const { return opcode_; }
  void set_opcode(websocketpp::frame::opcode::value op) { opcode_ = op; }
  const std::string& get_header() const { return header_; }
  void set_header(const std::string& header) { header_ = header; }
  const std::string& get_extension_data() const { return extension_data_; }
  const std::string& get_payload() const { return shared_ ? *shared_ : payload_; }
  std::string& get_raw_payload() { return payload_; }
  void set_payload(const std::string& payload) { payload_ = payload; }
  void set_payload(const void* payload, std::size_t size) {
    payload_.assign(static_cast<const char*>(payload), size);
  }
  void append_payload(const std::string& payload) { payload_.append(payload); }
  void append_payload(const void* payload, std::size_t size) {
    payload_.append(static_cast<const char*>(payload), size);
  }
  bool recycle() { return false; }

 private:
  std::string header_;
  std::string extension_data_;
  std::string payload_;
  std::shared_ptr<const std::string> shared_;
  std::weak_ptr<Sender> sender_;
  websocketpp::frame::opcode::value opcode_ = websocketpp::frame::opcode::text;
  bool prepared_ = false;
  bool fin_ = true;
  bool terminal_ = false;
  bool compressed_ = false;
  bool keeps_context_ = false;
};

}  // namespace bridge
