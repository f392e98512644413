"""What a publisher and its hooks count."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublisherStats:
    """published == sent + dropped + queued."""

    published: int = 0  # events accepted by publish()
    sent: int = 0  # events handed to ZeroMQ
    dropped: int = 0  # events that a full ring let go, or that close() left behind
    refused: int = 0  # publish() calls that returned False
    nulled: int = 0  # values that could not be told: null in their event's place
    batches: int = 0  # messages handed to ZeroMQ
    queued: int = 0  # events waiting
    replayed: int = 0  # events handed to a bridge that asked for them; not in `sent`
    source_seq: int = 0  # of the newest event; 0: none yet
    connected: bool = False  # a bridge is subscribed


@dataclass(frozen=True)
class CommandStats:
    received: int = 0  # requests that came in, of any kind
    executed: int = 0  # handlers that ran to their end
    repeated: int = 0  # answered as before, by their idempotency key: they were done already
    refused: int = 0  # answered without a handler
    late: int = 0  # of those refused, that came or were not begun by their deadline
    malformed: int = 0  # of those received, that could not be answered
    unheard: int = 0  # answers, or commands not begun, whose bridge had gone
    connected: bool = False  # to a bridge's control socket


@dataclass
class HookStats:
    """Events that hooks gave to the publisher, by kind, and what they could not give."""

    decisions: int = 0
    trades: int = 0
    told_twice: int = 0  # trades of which another hook had told already; no event
    portfolios: int = 0
    training_updates: int = 0
    episodes: int = 0
    not_finite: int = 0  # rewards that were NaN, infinite or no number; their episode's is null
    unrecognised: int = 0  # results in which nothing was found to publish
    failed: int = 0  # refused by the publisher, or reading the result raised
