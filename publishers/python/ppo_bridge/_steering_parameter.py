"""One value of a training loop that may be changed while it runs: where it lives, what it may be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Callable, Iterable

from ._commands import CommandRejected
from ._extract import number
from ._log import log
from ._names import printable

_TEXT_CHARS_MAX = 256


class Parameter:
    """One value that may be changed while training runs."""

    def __init__(
        self,
        name: str,
        get: Callable[[], Any],
        set: Callable[[Any], Any] | None,
        limits: tuple,
        unit: str | None,
        choices: Iterable | None,
        why_fixed: str,
    ) -> None:
        self.name, self.get, self.set, self.unit = name, get, set, unit
        self.low, self.high = limits
        self.choices = None if choices is None else list(choices)
        self.why_fixed = why_fixed
        self.hold = False  # what was set stays, whatever else the script does to it
        self.held: Any = None  # what was set, with `hold`
        value = self.read()
        if self.choices is not None:
            self.kind = "choice"
        elif isinstance(value, bool):
            self.kind = "boolean"
        elif isinstance(value, str):
            self.kind = "text"
        else:
            whole = type(value) is int and not isinstance(self.low, float)
            self.kind = "integer" if whole and not isinstance(self.high, float) else "number"

    def read(self) -> Any:
        value = self.get()
        return value if isinstance(value, (bool, str)) else number(value)

    def describe(self) -> dict:
        """As it is declared to whoever watches."""
        try:
            value = self.read()
        except Exception:
            value = None
        if isinstance(value, float) and not math.isfinite(value):
            value = None
        told = {"name": self.name, "value": value, "kind": self.kind}
        about = (("min", self.low), ("max", self.high), ("unit", self.unit), ("choices", self.choices))
        told.update((k, v) for k, v in about if v is not None)
        return told

    def change(self, asked: Any) -> Any:
        """Sets it, and reads it back. Raises CommandRejected where it is not what was asked for then.
        REQUIRES: `set`."""
        value = self._checked(asked)
        before = self.read()
        try:
            self.set(value)  # type: ignore[misc]
        except Exception as error:
            self._put_back(before)
            raise CommandRejected("%s stays %r: %s" % (self.name, self.read(), error)) from None
        now = self.read()
        if not same(now, value):
            self._put_back(before)
            text = "%s was set to %r and is %r; it stays as it was"
            raise CommandRejected(text % (self.name, value, now))
        return now

    def _put_back(self, before: Any) -> None:
        try:
            if before is not None:
                self.set(before)  # type: ignore[misc]
        except Exception as error:
            log.warning("%s cannot be put back: %s", self.name, printable(str(error)))

    def _checked(self, asked: Any) -> Any:
        """`asked` as a value of this kind and in its range."""
        if self.kind == "choice":
            if not any(same(asked, choice) for choice in self.choices or ()):
                raise self._wrong(asked, "one of " + ", ".join(map(str, self.choices or ())))
        elif self.kind == "boolean":
            if not isinstance(asked, bool):
                raise self._wrong(asked, "true or false")
        elif self.kind == "text":
            if not isinstance(asked, str) or len(asked) > _TEXT_CHARS_MAX:
                raise self._wrong(asked, "a text of at most %d characters" % _TEXT_CHARS_MAX)
        else:
            return self._checked_number(asked)
        return asked

    def _checked_number(self, asked: Any) -> Any:
        whole = self.kind == "integer"
        low, high = self.low, self.high
        must = "an integer" if whole else "a number"
        if low is not None or high is not None:
            must = "%s..%s" % ("" if low is None else low, "" if high is None else high)
        value = None if isinstance(asked, bool) else number(asked)
        if value is None or not abs(value) <= 1e300 or (whole and value != int(value)):
            raise self._wrong(asked, must)
        if (low is not None and value < low) or (high is not None and value > high):
            raise self._wrong(asked, must)
        return int(value) if whole else float(value)

    def _wrong(self, asked: Any, must: str) -> CommandRejected:
        return CommandRejected("%s is %s; must be %s" % (self.name, printable(repr(asked)), must))


def same(a: Any, b: Any) -> bool:
    """Equal, or as close as a 32-bit number comes."""
    if type(a) in (int, float) and type(b) in (int, float):
        return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-12)
    return type(a) is type(b) and a == b

# ---- Where values live.


def access(owner: Any, key: str) -> tuple[Callable, Callable]:
    if isinstance(owner, Mapping):
        return (lambda: owner[key]), (lambda value: owner.__setitem__(key, value))  # type: ignore
    return (lambda: getattr(owner, key)), (lambda value: setattr(owner, key, value))


def rate_of(lr: Any) -> tuple[Callable, Callable]:
    """How a script's own rate is read and set. Raises TypeError where `lr` is no such thing."""
    if callable(lr):
        last: dict = {"value": None}  # of a setter alone, all that is known

        def set_it(value: float) -> None:
            lr(value)
            last["value"] = value

        return (lambda: last["value"]), set_it
    if isinstance(lr, tuple) and len(lr) == 2:
        if callable(lr[0]) and callable(lr[1]):
            return lr[0], lr[1]
        if isinstance(lr[1], str):
            return access(*lr)
    text = "lr is %s; must be a function, (get, set) or (owner, name)"
    raise TypeError(text % printable(repr(lr)))


def rate_in(groups: list[tuple]) -> tuple[Callable, Callable]:
    """Of an optimizer's groups, which are looked up each time: loading a state replaces them."""
    first, index = groups[0]

    def set_all(value: float) -> None:
        for optimizer, n in groups:
            group = optimizer.param_groups[n]
            if hasattr(group["lr"], "fill_"):  # a tensor, which a captured graph may hold
                group["lr"].fill_(value)
            else:
                group["lr"] = value

    return (lambda: first.param_groups[index]["lr"]), set_all


def both(first: Callable, second: Callable) -> Callable:
    def set_both(value: Any) -> None:
        first(value)
        second(value)

    return set_both
