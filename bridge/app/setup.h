// What the parts of the bridge are told at the start: their options, from the configuration and from what
// the system grants.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/jwt_claims.h"
#include "app/config.h"
#include "event/schemas.h"
#include "log/history.h"
#include "net/client_servers.h"
#include "net/page_file.h"
#include "net/tls_context.h"
#include "net/zmq_guard.h"
#include "net/event_receiver.h"
#include "runs/runs_thread.h"
#include "store/journal_file.h"

namespace bridge {

// Names a numbering: unlike any other with near certainty.
std::string new_epoch();

// How many clients there may be: websocket.clients_max, or fewer where the system does not let so many files
// be open, which is logged. Takes all the descriptors that it grants.
std::size_t clients_that_fit(const Config& config);

HistoryLimits history_limits(const Config& config);

// How many runs are taken over from the journal at the start: room is left for others.
std::size_t positions_known(const Config& config);
ReceiverOptions receiver_options(const Config& config);
// `runs_bytes`: the share of memory that runs have.
JournalFileOptions journal_options(const Config& config, std::size_t runs_bytes);
JournalLimits journal_limits(const Config& config);
RunsThreadOptions runs_options(const Config& config, std::size_t runs_bytes);

// Whose JSON Web Tokens are good.
JwtOptions jwt_options(const Config& config);

// Whether clients have to say who they are.
bool auth_is_on(const Config& config);

// Whether the WebSocket port speaks TLS; what it needs for that, null where it does not.
bool tls_is_on(const Config& config);
std::unique_ptr<TlsContext> make_tls(const Config& config);
TlsOptions tls_options(const Config& config);
// Reads the bridge's own key, where there is one.
Result<ZmqGuardOptions> zmq_guard_options(const Config& config);

// Those of schemas.directory; null where there is none. A failure where schemas.mode needs it.
Result<std::unique_ptr<Schemas>> load_schemas(const Config& config);
// The pages, and with them the schemas (null: none).
std::vector<PageFile> served_files(const Schemas* schemas);

// Why the files that it names cannot be used: roles, credentials, certificate and keys. Looks at all but the journal.
std::optional<Failure> wrong_files(const Config& config);

// `guarded`: clients have to say who they are.
AddressLimits::Options address_limits(const Config& config, bool guarded);

// Without what is known only later: the log's start, and how many clients fit.
ClientServersOptions client_servers_options(const Config& config);

}  // namespace bridge
