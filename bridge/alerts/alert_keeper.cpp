#include "alerts/alert_keeper.h"

namespace bridge {
namespace {

constexpr std::int64_t kSaveUs = 1'000'000;
constexpr int kRowsATurn = 256;

}  // namespace

void AlertKeeper::make_row(std::set<AlertKey>::iterator key) {
  capture_->rows.emplace_back(record_name(*key), record_of(alerts_, *key));
  capture_->made.insert(capture_->left.extract(key));
}

void AlertKeeper::changes(AlertKey key) {
  if (capture_) {
    const auto left = capture_->left.find(key);
    if (left != capture_->left.end()) make_row(left);
  }
  dirty_.insert(std::move(key));
}

void AlertKeeper::save(std::uint64_t looked_at, std::uint64_t seq, bool settled) {
  if (!keeps() || saving_) return;
  const std::int64_t now = clock_.steady_us();
  if (!capture_) {
    const bool moved = !alerts_.empty() && looked_at != saved_position_;
    if ((dirty_.empty() && !moved) || now < saved_us_ + kSaveUs || !settled) return;
    capture_.emplace().left.swap(dirty_);
    capture_->rows.emplace_back(kAlertsPosition, std::to_string(looked_at));
    saved_position_ = looked_at;
    capture_->seq = seq;
    saved_us_ = now;
  }
  for (int i = 0; i < kRowsATurn && !capture_->left.empty(); ++i) make_row(capture_->left.begin());
  if (!capture_->left.empty() || links_.committed_seq() < capture_->seq) return;
  saving_ = true;
  Capture all = *std::exchange(capture_, std::nullopt);
  keep(std::move(all.rows), std::move(all.made), [this](bool) { saving_ = false; });
}

bool AlertKeeper::save_now(std::uint64_t looked_at, std::uint64_t seq, bool settled) {
  if (!keeps()) return true;
  saved_us_ = clock_.steady_us() - kSaveUs;
  if (!dirty_.empty() || capture_) save(looked_at, seq, settled);
  return dirty_.empty() && !capture_ && settled;
}

void AlertKeeper::keep(Rows rows, std::set<AlertKey> keys, const std::function<void(bool)>& done) {
  if (!keeps()) return done(false);
  links_.keep(std::move(rows), [this, keys = std::make_shared<std::set<AlertKey>>(std::move(keys)), done,
                                alive = std::weak_ptr<char>(alive_)](bool kept) {
    if (alive.expired()) return;
    if (!kept && dirty_.size() < keys->size()) dirty_.swap(*keys);
    if (!kept) dirty_.merge(*keys);
    done(kept);
  });
}

void AlertKeeper::forget(std::uint64_t alert_id) {
  if (!capture_) return;
  const std::string name = record_name({alert_id, std::nullopt});
  const std::string raised = raised_records(alert_id);
  // What waits to be written is of a moment when it was there.
  for (auto& [row, value] : capture_->rows) {
    if (row == name || row.compare(0, raised.size(), raised) == 0) value.clear();
  }
}

}  // namespace bridge
