"""What a publisher can be told, checked before anything starts."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ._names import NAME_RANGE, fresh_run, is_name, made_up_source, printable

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5556"
DEFAULT_CONTROL = "tcp://127.0.0.1:5559"

_EVENTS_LIMIT = 1 << 24
_BYTES_LIMIT = 1 << 40
_GATHER_MS_LIMIT = 1000
_FLUSH_MS_LIMIT = 3_600_000


@dataclass(frozen=True)
class Options:
    source: str
    run: str
    endpoint: str
    control: str
    ring_events_max: int
    ring_bytes_max: int
    batch_bytes_max: int
    event_bytes_max: int
    gather_ms: int
    flush_ms: int

    def __post_init__(self) -> None:
        """Raises ValueError, which names the option, its value and its range."""
        for key in ("source", "run"):
            value = getattr(self, key)
            if not is_name(value):
                raise ValueError("%s is %s; must be %s" % (key, printable(repr(value)), NAME_RANGE))
        for key, low, high in (
            ("ring_events_max", 1, _EVENTS_LIMIT),
            ("ring_bytes_max", 1, _BYTES_LIMIT),
            ("batch_bytes_max", 1, _BYTES_LIMIT),
            ("event_bytes_max", 1, _BYTES_LIMIT),
            ("gather_ms", 0, _GATHER_MS_LIMIT),
            ("flush_ms", 0, _FLUSH_MS_LIMIT),
        ):
            value = getattr(self, key)
            if type(value) is not int or not low <= value <= high:
                text = "%s is %s; must be %d..%d"
                raise ValueError(text % (key, printable(repr(value)), low, high))
        for key in ("endpoint", "control"):
            value = getattr(self, key)
            if not isinstance(value, str) or (key == "endpoint" and not value):
                text = "%s is %s; must be a ZeroMQ address"
                raise ValueError(text % (key, printable(repr(value))))


def complete(
    source: str | None, run: str | None, endpoint: str | None, control: str | None, **limits: int
) -> Options:
    """With what was left out filled in."""
    if endpoint is None:
        endpoint = os.environ.get("PPO_EVENTS_ADDRESS") or DEFAULT_ENDPOINT
    if control is None:
        control = os.environ.get("PPO_CONTROL_ADDRESS", DEFAULT_CONTROL)
    return Options(
        source=made_up_source() if source is None else source,
        run=fresh_run() if run is None else run,
        endpoint=endpoint,
        control=control,
        **limits,
    )
