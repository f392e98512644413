"""What a publisher can be told, checked before anything starts."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ._bridges import EVENTS_PORT, paired, zmq_addresses
from ._connecting import CurveKey, find_key
from ._names import NAME_RANGE, fresh_run, is_name, printable

_DEFAULT_CONTROL = "tcp://127.0.0.1:5559"
_CONTROL_PORT = 5559

_EVENTS_LIMIT = 1 << 24
_BYTES_LIMIT = 1 << 40
_GATHER_MS_LIMIT = 1000
_FLUSH_MS_LIMIT = 3_600_000
_METRICS_S = 10.0
_METRICS_S_LIMIT = 3600


@dataclass(frozen=True)
class Options:
    source: str
    run: str
    endpoint: str
    control: str
    curve: CurveKey | None
    system_metrics_s: float
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
        every = self.system_metrics_s
        if type(every) not in (int, float) or not (every == 0 or 1 <= every <= _METRICS_S_LIMIT):
            text = "system_metrics_s is %s; must be 0 or 1..%d seconds"
            raise ValueError(text % (printable(repr(every)), _METRICS_S_LIMIT))
        for key in ("endpoint", "control"):
            value = getattr(self, key)
            if not isinstance(value, str) or (key == "endpoint" and not value):
                text = "%s is %s; must be a ZeroMQ address"
                raise ValueError(text % (key, printable(repr(value))))
        _ = self.bridges

    @property
    def bridges(self) -> list[tuple[str, str]]:
        """Of each the addresses for events and, or empty, for control."""
        return paired("endpoint", self.endpoint, "control", self.control)


def complete(
    source: str,
    run: str | None,
    endpoint: str | None,
    control: str | None,
    curve: str | os.PathLike | None,
    system_metrics_s: float | None,
    **limits: int,
) -> Options:
    """With what was left out filled in."""
    elsewhere = endpoint is not None or os.environ.get("PPO_EVENTS_ADDRESS")
    if endpoint is None:
        endpoint = os.environ.get("PPO_EVENTS_ADDRESS") or zmq_addresses(EVENTS_PORT)
    if control is None:
        control = os.environ.get("PPO_CONTROL_ADDRESS")
    if control is None:  # not of another bridge than the events
        control = _DEFAULT_CONTROL if elsewhere else zmq_addresses(_CONTROL_PORT)
    if system_metrics_s is None:
        system_metrics_s = _metrics_of_environment()
    return Options(
        source=source,
        run=fresh_run() if run is None else run,
        endpoint=endpoint,
        control=control,
        curve=find_key(curve),
        system_metrics_s=system_metrics_s,
        **limits,
    )


def _metrics_of_environment() -> float:
    try:
        return float(os.environ.get("PPO_SYSTEM_METRICS") or _METRICS_S)
    except ValueError:
        shown = printable(os.environ["PPO_SYSTEM_METRICS"])
        raise ValueError("$PPO_SYSTEM_METRICS is '%s'; must be seconds" % shown) from None
