"""What a run of ppo_bridge.wandb holds: config, summary, histograms, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, Iterator

from ._curves import note
from ._extract import number
from ._log import log
from ._values import as_config

_BINS_MAX = 512
_SUMMARY_MAX = 10_000  # tags


class Error(Exception):
    """As wandb.Error."""


class UsageError(Error):
    pass


class Config(Mapping):
    """Items, by key or by attribute. Tells `changed` what was set."""

    def __init__(self, items: dict, changed: Callable[[dict], None]) -> None:
        object.__setattr__(self, "_items", items)
        object.__setattr__(self, "_changed", changed)

    @staticmethod
    def read(config: Any) -> dict:
        """A config as people give it: a mapping, argparse's namespace, a dataclass, an object."""
        as_dict = getattr(config, "as_dict", None) or getattr(config, "to_dict", None)
        found = as_config(as_dict() if callable(as_dict) else config)
        if not found and isinstance(config, (str, list)):
            log.warning("a config that is a %s is not read", type(config).__name__)
        return found

    def update(self, d: Any = None, allow_val_change: Any = None, **items: Any) -> None:
        found = {**self.read(d), **items}
        self._items.update(found)
        self._changed(found)

    def setdefaults(self, d: Any) -> None:
        self.update({k: v for k, v in self.read(d).items() if k not in self._items})

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    __setattr__ = __setitem__

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__") or key not in self._items:
            raise AttributeError("the config has no %s" % key)
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)

    def as_dict(self) -> dict:
        return dict(self._items)


class Summary(Config):
    """The last number under each tag, or what define_metric() says; and what the script sets."""

    def __init__(self, changed: Callable[[dict], None]) -> None:
        super().__init__({}, changed)
        object.__setattr__(self, "_rules", {})
        object.__setattr__(self, "_counts", {})

    def keep(self, name: str, rule: str) -> None:
        """`rule`: min, max, mean, first, last or none."""
        self._rules[name] = rule

    def saw(self, tag: str, value: Any) -> None:
        """A row has this."""
        if tag not in self._items and len(self._items) >= _SUMMARY_MAX:
            return
        rule = self._rules.get(tag, "last").split(",")[0]
        before, now = number(self._items.get(tag)), number(value)
        if rule == "none" or (rule == "first" and tag in self._items):
            return
        if before is not None and now is not None:
            count = self._counts[tag] = self._counts.get(tag, 1) + 1
            if rule == "mean":
                now = before + (now - before) / count
            elif rule in ("min", "max"):
                now = min(before, now) if rule == "min" else max(before, now)
        self._items[tag] = value if now is None else now


class Histogram:
    """As wandb.Histogram: of a sequence, or of counts and edges as numpy.histogram gives them."""

    def __init__(self, sequence: Any = None, np_histogram: Any = None, num_bins: int = 64) -> None:
        self.values: Any = None  # those that are finite, where they are known
        if np_histogram is not None:
            counts, edges = np_histogram
        else:
            import numpy

            values = numpy.asarray(sequence, dtype=float).ravel()
            self.values = values[numpy.isfinite(values)]
            counts, edges = numpy.histogram(self.values, bins=min(num_bins, _BINS_MAX))
        self.histogram = [number(count) for count in counts]
        self.bins = [number(edge) for edge in edges]
        if len(self.bins) != len(self.histogram) + 1:
            raise ValueError("len(edges) must be len(counts) + 1")


class LeftOut:
    """Stands for what has no event: it takes every call and does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        if type(self) is not LeftOut:
            note(type(self).__name__)

    def __call__(self, *_: Any, **__: Any) -> LeftOut:
        return LeftOut()

    def __getattr__(self, name: str) -> LeftOut:
        if name.startswith("__"):
            raise AttributeError(name)
        return LeftOut()

    def __enter__(self) -> LeftOut:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def left_out(name: str) -> Callable[..., LeftOut]:
    """A call that is noted once and does nothing."""

    def call(*_: Any, **__: Any) -> LeftOut:
        note(name)
        return LeftOut()

    return call
