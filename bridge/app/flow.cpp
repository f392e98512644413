#include "app/flow.h"

#include <utility>

#include <asio/post.hpp>

#include "base/limits.h"

namespace bridge {

void Flow::deliver() {
  parts_.clients.announce();
  parts_.bots.publish();
}

void Flow::announce() {
  deliver();
  if (parts_.journal != nullptr) parts_.journal->pump();
  regulate();
}

void Flow::on_events() {
  const auto& blocks = parts_.log.history().blocks();
  const bool large = !blocks.empty() && blocks.back()->last_seq() == parts_.log.last_seq() &&
                     blocks.back()->entry(blocks.back()->size() - 1).frame_size > kBlockBytesMax;
  if (large) {
    announce_soon();
  } else {
    announce();
  }
}

void Flow::announce_soon() {
  if (announcing_) return;
  announcing_ = true;
  asio::post(parts_.io, [this] {
    announcing_ = false;
    announce();
  });
}

void Flow::on_journal() {
  parts_.clients.on_journal();
  if (!parts_.before_delivery) return;
  parts_.log.release(parts_.journal->committed_seq());
  parts_.clients.release(parts_.journal->committed_seq());
  deliver();
  regulate();
}

void Flow::watch_cluster() {
  if (std::exchange(cluster_congested_, parts_.cluster->congested()) != cluster_congested_) regulate();
}

bool Flow::full() const { return (parts_.before_delivery && parts_.journal->congested()) || cluster_congested_; }

void Flow::regulate() {
  const bool wait = !parts_.stopping.begun() && (parts_.clients.congested() || full());
  parts_.tracker.set_paused(wait);
  if (wait) {
    parts_.receiver.pause();
  } else {
    parts_.receiver.resume();
  }
}

}  // namespace bridge
