// The journal as commands, /metrics and /readyz see it.
#pragma once

#include <functional>
#include <string>

#include "app/config.h"
#include "commands/journal_report.h"
#include "store/journal.h"
#include "store/journal_backup.h"

namespace bridge {

// One thread: the log's. The journal must outlive it.
class KeptJournal final : public JournalKeeper {
 public:
  KeptJournal(const Config& config, const Journal& journal, std::function<void(std::function<void()>)> post)
      : journal_(journal), mark_path_(config.engine.kind == "local" ? "" : config.journal.path + "-cluster"), backup_(config.journal.path, config.journal.backup_directory, std::move(post)) {}

  JournalReport report() const override;
  void backup(const std::string& file, std::function<void(const Result<std::string, RequestError>&)> done) override;

  // What /readyz tells besides; "" = nothing.
  std::string notice() const;

 private:
  const Journal& journal_;
  const std::string mark_path_;  // what of the cluster's log the journal has; "": there is no cluster
  JournalBackup backup_;
};

}  // namespace bridge
