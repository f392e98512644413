// Limits that the wire contract fixes, and bounds that are no one's to configure. What an operator
// may change is in app/config.h with its default and range.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bridge {

inline constexpr std::size_t kTypeNameBytesMax = 64;
inline constexpr std::size_t kNameBytesMax = 64;      // source, run, agent id, request id
inline constexpr std::size_t kClientNameBytesMax = 128;  // client_id and client_type
inline constexpr int kJsonDepthMax = 64;              // levels; the body's own object is the first
inline constexpr std::size_t kTopLevelKeysMax = 256;  // keys of an event body's object

inline constexpr std::int64_t kDrainSecondsMax = 3600;

inline constexpr std::size_t kBlockBytesMax = 256 * 1024;  // a block is closed when it passes this

// What was read of the journal for clients of one thread.
inline constexpr std::size_t kPastCacheBytesMax = 32 * 1024 * 1024;
inline constexpr std::size_t kSearchCacheBytesMax = 8 * 1024 * 1024;  // the same for get_recent_events

// Blocks that wait for the journal beyond what is in memory anyway.
inline constexpr std::size_t kJournalQueueBytesMax = 64 * 1024 * 1024;

// Runs in memory, where there is no journal.
inline constexpr std::size_t kMemoryRunsMax = 10'000;

// Blocks that wait for a thread that serves clients (websocket.threads).
inline constexpr std::size_t kThreadBacklogBytesMax = 32 * 1024 * 1024;
// And for the thread that has the bots' socket.
inline constexpr std::size_t kBotBacklogBytesMax = 2 * 1024 * 1024;

// Where only what is written is delivered, nothing is taken in beyond so much that is not. Less than the
// queue by more than any message, so that nothing is ever left out of it.
inline constexpr std::size_t kUncommittedBytesMax = 32 * 1024 * 1024;

inline constexpr std::size_t kSubscriptionPatternsMax = 256;
inline constexpr std::size_t kFilterKeysMax = 32;
inline constexpr std::size_t kFilterValuesMax = 1024;  // over all keys of one filter

// Replies of one client that wait for their place in its stream of events.
inline constexpr std::size_t kQueuedMessagesMax = 256;
inline constexpr std::size_t kQueuedMessageBytesMax = 16 * 1024 * 1024;

// What a connection takes before anything is said over it, and how many there may be besides the clients:
// handshakes under way and plain HTTP.
inline constexpr std::size_t kConnectionBytes = 7 * 1024;
inline constexpr std::size_t kTlsBytes = 18 * 1024;  // besides, where it speaks TLS
inline constexpr std::size_t kOtherConnectionsMax = 256;

// Of a client's message or subscription: large ones leave room for those.
inline constexpr std::size_t kSmallRequestBytes = 4 * 1024;

inline constexpr std::size_t kReplaysMax = 16;  // at a time, over all clients

inline constexpr std::size_t kRecentEventsMax = 10'000;         // count of get_recent_events
inline constexpr std::size_t kRecentEventsTypesMax = 64;        // type of it, where that is a list
inline constexpr std::size_t kAroundReplyBytes = 1024;  // room for what stands around these, so that they stay where they are
inline constexpr std::size_t kReplyBytesMax = 4 * 1024 * 1024;  // events quoted in one reply

inline constexpr std::size_t kAgentsPerSourceMax = 256;
inline constexpr std::size_t kEventTypesMax = 1024;    // later types are counted together
inline constexpr std::size_t kSnapshotEntriesMax = 65'536;
inline constexpr std::size_t kSnapshotBytesMax = 64 * 1024 * 1024;

}  // namespace bridge
