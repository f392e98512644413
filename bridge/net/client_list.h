// The clients of one thread, by the numbers of their connections: looked after in turn, told to go one after the other,
// and cut off where all together have too much unread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "commands/own_commands.h"
#include "conversation/session.h"

namespace bridge {

// One thread: the clients'. A session is owned by its connection, which takes it out of here when it ends; it may end
// with anything that it is told.
class ClientList {
 public:
  explicit ClientList(const Clock& clock) : clock_(clock) {}

  void add(std::uint64_t number, std::shared_ptr<Session> session);
  void erase(std::uint64_t number);
  std::size_t size() const { return clients_.size(); }

  // Looks after a part of them, so that all are looked after in about 50 calls.
  void tick();

  // From now on nobody is taken, and who is here is told to go, one after the other until then (steady clock).
  void drain_until(std::int64_t by_us);
  // All that are left, at once.
  void drain();
  bool drains() const { return draining_ || drain_.by_us != 0; }
  // Nobody is told anything any more.
  bool ends() const { return draining_; }
  // When another bridge may be there; 0: now, or nobody knows.
  std::int64_t drained_in_us() const { return draining_ ? 0 : drain_.by_us - clock_.steady_us(); }

  // Cuts off who has most unread; the next one only once the memory of this one is free.
  void shed();

  void report(ClientsReport& report) const;
  // At most `max` of those behind that connection.
  std::vector<ClientInfo> infos(std::uint64_t connection, std::size_t max) const;

 private:
  void go_on_draining();

  const Clock& clock_;
  std::map<std::uint64_t, std::shared_ptr<Session>> clients_;
  std::size_t event_streams_ = 0;  // of them
  std::uint64_t ticked_ = 0;       // whom tick() looked after last
  std::weak_ptr<Session> shedding_;
  bool draining_ = false;
  // drain_until().
  struct {
    std::int64_t began_us = 0;
    std::int64_t by_us = 0;    // 0: it was not called
    std::int64_t clients = 0;  // to be told to go in that time
    std::int64_t told = 0;     // of these
    std::uint64_t last = 0;    // who was told last, in order of numbers
  } drain_;
};

}  // namespace bridge
