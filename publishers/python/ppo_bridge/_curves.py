"""From what a script logs under tags to events.

Every number is a `scalar` under its own tag. What is known besides becomes a field of one
`training_update` for each step, and an episode's return and length one `episode_end`; both go out
when the next step's numbers begin, or with flush().
"""

from __future__ import annotations

import math
import sys
import threading
from typing import Any, Iterable

from . import _values
from ._extract import number, update_field
from ._log import log
from .publisher import Publisher

# Of one episode; a mean of several has other names. Evaluation counts its steps otherwise.
_EPISODE = {
    "episodic_return": "reward",
    "episode_return": "reward",
    "episode_reward": "reward",
    "episodic_length": "length",
    "episode_length": "length",
}
_NOT_TRAINING = ("eval", "evaluation", "test", "validation")

_QUANTILES = (("p5", 0.05), ("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p95", 0.95))
_SAMPLE_MAX = 1 << 17  # of a larger array's values the quantiles are taken from
_TEXT_CHARS_MAX = 64 * 1024
_NOTED_MAX = 1000


class Curves:
    """One agent's. Thread-safe. Raises nothing: what cannot be published is counted."""

    def __init__(self, publisher: Publisher, agent_id: str | None = None) -> None:
        self.publisher = publisher
        self.agent_id = agent_id
        self._agent = {} if agent_id is None else {"agent_id": agent_id}
        self.forget()
        self._step: Any = None
        self._updates = self._episodes = 0
        publisher.flush_before_end(self)

    def forget(self) -> None:
        """Also in a child after a fork: what is gathered is the parent's, and some thread's lock for ever."""
        self._lock = threading.RLock()  # guards what is gathered
        self._update: dict[str, tuple[str, Any]] = {}  # field -> tag, value
        self._episode: dict[str, Any] = {}

    def scalar(self, tag: Any, value: Any, step: Any = None, walltime: Any = None) -> None:
        """Anything that is one number; True is 1, what is none null and counted."""
        try:
            tag, step, value = str(tag), number(step), _values.number(value)
            self._publish("scalar", {"tag": tag, "value": value, "step": step}, walltime)
            self._take(tag, None if type(value) is _values.Lost else value, step)
        except Exception as error:
            self.publisher.refuse("scalar", str(error))

    def scalars(self, values: Any, step: Any = None, walltime: Any = None, above: str = "") -> None:
        """Each of a mapping, under `above` and its own tag."""
        try:
            for tag, value in dict(values).items():
                self.scalar(above + str(tag), value, step, walltime)
        except Exception as error:
            self.publisher.refuse("scalar", str(error))

    def text(self, tag: Any, text: Any, step: Any = None, walltime: Any = None) -> None:
        data = {"tag": str(tag), "text": str(text)[:_TEXT_CHARS_MAX], "step": number(step)}
        self._publish("text", data, walltime)

    def histogram(self, tag: Any, values: Any, step: Any = None, walltime: Any = None) -> None:
        try:
            self._publish_histogram(tag, quantiles(values), step, walltime)
        except Exception as error:
            self.publisher.refuse("histogram", str(error))

    def buckets(
        self, tag: Any, edges: Any, counts: Any, step: Any = None, walltime: Any = None, **known: Any
    ) -> None:
        """A histogram that was counted already. `edges`: one more than `counts`. `known`: what else
        is known of it, `min`, `max` or `mean`."""
        try:
            found = {**quantiles_of_buckets(edges, counts), **known}
            self._publish_histogram(tag, found, step, walltime)
        except Exception as error:
            self.publisher.refuse("histogram", str(error))

    def any(self, tag: Any, value: Any, step: Any = None) -> None:
        """A value of whatever kind: a number, a text, or several numbers as a histogram. What has no event is noted."""
        if _values.is_number(value):
            self.scalar(tag, value, step)
        elif isinstance(value, str):
            self.text(tag, value, step)
        elif hasattr(value, "tolist"):
            self.histogram(tag, value, step)
        elif isinstance(value, (list, tuple)) and value and all(map(_values.is_number, value)):
            self.histogram(tag, value, step)
        else:
            note(type(value).__name__)

    def flush(self) -> None:
        """Publishes what is gathered of the step."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        update, self._update = self._update, {}
        episode, self._episode = self._episode, {}
        if episode:
            self._episodes += 1
            data = {"episode": self._episodes, "global_step": self._step, **episode}
            if "length" in data:
                data["steps"] = data["length"]
            self._publish("episode_end", {**data, "kind": "train"})
        if update:
            self._updates += 1
            data = {"update": self._updates, "steps": self._step}
            data.update((field, value) for field, (_, value) in list(update.items()))
            self._publish("training_update", data)

    def _take(self, tag: str, value: Any, step: Any) -> None:
        group, _, name = tag.lower().rpartition("/")
        update, episode = update_field(name), _EPISODE.get(name)
        if update is None and episode is None:
            return
        with self._lock:
            if step != self._step:
                self._flush()
                self._step = step
            if update is not None:
                if self._update.get(update, ("", 0))[0] == tag:  # the next one in the same step
                    self._flush()
                self._update.setdefault(update, (tag, value))
            elif episode is not None and not group.startswith(_NOT_TRAINING):
                if episode in self._episode:  # two that ended in one step
                    self._flush()
                self._episode[episode] = value

    def _publish_histogram(self, tag: Any, found: dict, step: Any, walltime: Any) -> None:
        self._publish("histogram", {"tag": str(tag), "step": number(step), **found}, walltime)

    def _publish(self, event_type: str, data: dict, walltime: Any = None) -> None:
        at = number(walltime)
        self.publisher.publish(event_type, {**self._agent, **data}, at)


_noted: set[str] = set()


def note(name: str) -> None:
    """Says once in a program that there is no event for it."""
    if name not in _noted and len(_noted) < _NOTED_MAX:
        _noted.add(name)
        log.warning("%s has no event; it is left out of what is published", name)


def quantiles(values: Any) -> dict:
    """count, min, p5 ... p95, max and mean of all numbers in an array, tensor or nested list that are
    finite; how many are not as `not_finite`."""
    for name in ("detach", "cpu"):  # torch's, wherever they are
        method = getattr(values, name, None)
        if callable(method):
            values = method()
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return _quantiles_of_list(_flat(values))
    if hasattr(values, "float") and callable(values.float):  # bfloat16 is unknown to numpy
        values = values.float()
    array = numpy.asarray(values, dtype=float).ravel()
    finite = array[numpy.isfinite(array)]
    found: dict = {"count": int(finite.size)}
    if finite.size < array.size:
        found["not_finite"] = int(array.size - finite.size)
    if finite.size == 0:
        return found
    sample = finite[:: -(-finite.size // _SAMPLE_MAX)]
    at = numpy.quantile(sample, [q for _, q in _QUANTILES])
    found.update((name, float(value)) for (name, _), value in zip(_QUANTILES, at))
    found["min"], found["max"] = float(finite.min()), float(finite.max())
    found["mean"] = float(finite.mean())
    return found


def _flat(values: Any) -> list:
    if hasattr(values, "tolist"):
        values = values.tolist()
    if not isinstance(values, (list, tuple)):
        values = [values] if number(values) is not None else list(values)
    found: list = []
    for value in values:
        found += _flat(value) if isinstance(value, (list, tuple)) else [float(value)]
    return found


def _quantiles_of_list(values: list) -> dict:
    finite = sorted(value for value in values if math.isfinite(value))
    found: dict = {"count": len(finite)}
    if len(finite) < len(values):
        found["not_finite"] = len(values) - len(finite)
    if not finite:
        return found
    for name, q in _QUANTILES:
        at = q * (len(finite) - 1)
        low = int(at)
        high = min(low + 1, len(finite) - 1)
        found[name] = finite[low] + (finite[high] - finite[low]) * (at - low)
    found.update(min=finite[0], max=finite[-1], mean=math.fsum(finite) / len(finite))
    return found


def quantiles_of_buckets(edges: Iterable, counts: Iterable) -> dict:
    """As if each bucket's values lay evenly in it."""
    edges, counts = [float(e) for e in edges], [float(c) for c in counts]
    if len(edges) != len(counts) + 1:
        raise ValueError("%d edges of %d buckets" % (len(edges), len(counts)))
    total = math.fsum(counts)
    found: dict = {"count": int(total)}
    filled = [n for n, count in enumerate(counts) if count > 0]
    if not filled:
        return found
    for name, q in _QUANTILES:
        below = 0.0
        for n in filled:
            if below + counts[n] >= q * total:
                part = (q * total - below) / counts[n]
                found[name] = edges[n] + (edges[n + 1] - edges[n]) * part
                break
            below += counts[n]
    middles = math.fsum(counts[n] * (edges[n] + edges[n + 1]) / 2 for n in filled)
    found.update(min=edges[filled[0]], max=edges[filled[-1] + 1], mean=middles / total)
    return found
