#include "net/inboxes.h"

#include <algorithm>
#include <utility>

namespace bridge {

Inboxes::Sleepers Inboxes::put_all(Item item, std::size_t bytes) {
  Sleepers sleepers;
  const std::lock_guard lock(mutex_);
  item.extent = extent_;
  for (std::size_t i = 0; i < inboxes_.size(); ++i) {
    Inbox& inbox = inboxes_[i];
    inbox.items.push_back(item);
    inbox.bytes += bytes;
    if (inbox.dozing) continue;
    if (!std::exchange(inbox.woken, true)) sleepers.push_back(i);
  }
  return sleepers;
}

Inboxes::Sleepers Inboxes::put_block(const BlockPtr& block) {
  return put_all({block, nullptr, {}}, block->memory_bytes());
}

Inboxes::Sleepers Inboxes::put_merged(const BlockPtr& merged) {
  return put_all({nullptr, merged, {}}, 0);
}

bool Inboxes::put_call(std::size_t index, std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  Inbox& inbox = inboxes_[index];
  inbox.items.push_back({nullptr, nullptr, std::move(call), extent_});
  return !std::exchange(inbox.woken, true);
}

void Inboxes::put_extent(PastExtent extent) {
  auto shared = std::make_shared<const PastExtent>(std::move(extent));
  const std::lock_guard lock(mutex_);
  extent_.swap(shared);
}

Inboxes::Post Inboxes::take(std::size_t index, std::size_t bytes_max) {
  Post post;
  const std::lock_guard lock(mutex_);
  Inbox& inbox = inboxes_[index];
  for (std::size_t taken = 0; !inbox.items.empty() && taken < bytes_max; inbox.items.pop_front()) {
    Item& item = inbox.items.front();
    const std::size_t bytes = item.block ? item.block->memory_bytes() : 0;
    inbox.bytes -= bytes;
    taken += bytes + (item.call ? kCallBytes : 0);
    post.items.push_back(std::move(item));
  }
  post.more = !inbox.items.empty();
  if (!post.more) post.extent = extent_;
  inbox.woken = post.more;
  inbox.dozing = false;
  return post;
}

void Inboxes::doze(std::size_t index) {
  const std::lock_guard lock(mutex_);
  inboxes_[index].dozing = true;
}

std::size_t Inboxes::bytes() const {
  std::size_t most = 0;
  const std::lock_guard lock(mutex_);
  for (const Inbox& inbox : inboxes_) most = std::max(most, inbox.bytes);
  return most;
}

}  // namespace bridge
