"""The JSON of what hooks publish at every step, by templates of the parts that seldom change.

A step's own work drives this library out of the processor's caches, and this library that work: how much
is read and called counts more than what is done, and later once more as long. So the training thread only
finds the template, and the sending thread fills in the numbers. What is not of the usual kind has no
template, and is encoded as any other event.
"""

from __future__ import annotations

import functools
from operator import itemgetter
from typing import Any, Callable

from . import _extract
from ._json import encode

NUMBERS = frozenset((int, float))
DECISION = ("agent_id", "action_type", "type", "item", "reasoning")

_AMOUNTS = ("price", "quantity")
_KEPT_MAX = 4096
_NAN = float("nan")
_SHAPES_MAX = 16
_NAMES_MAX = 64
_TEXT_CHARS_MAX = 128  # of those kept
_HELD_CHARS_MAX = 8192  # of an inventory's JSON

_EVENT = '{"type":"%s","data":%s%s}'


class Held(str):
    """A template whose last number is the second less the first: what is held, of a portfolio."""

    @staticmethod
    def of(numbers: Any) -> Any:
        try:
            return numbers[1] - numbers[0]
        except OverflowError:  # an integer beyond any float
            return _NAN


class Actions:
    """Of one agent: what decision() and trade() in _extract read from a dict that has a price and a
    quantity, by templates."""

    def __init__(self, agent_id: str) -> None:
        self._agent_id = agent_id
        self.templates: dict[tuple, str] = {}  # of trades, by texts
        # Of decisions, by their names: how many these are, what gives the texts and the numbers and asks for
        # each name, and the templates by texts. The last one's are also attributes.
        self._shapes: dict[tuple, tuple] = {}
        self._use(-1, tuple, tuple, {})

    def _use(self, count: int, texts_of: Callable, numbers_of: Callable, by_texts: dict) -> None:
        self.count, self.texts_of, self.numbers_of, self.by_texts = count, texts_of, numbers_of, by_texts

    def decision(self, thing: dict) -> str | None:
        """The template for its price and quantity, after which the attributes are for it; None where it has
        none."""
        names = tuple(thing)
        if names not in self._shapes:
            told = [name for name in DECISION if name in thing]
            if not told or len(names) > _NAMES_MAX or not {*_AMOUNTS}.issubset(names):
                return None
            if len(self._shapes) >= _SHAPES_MAX:
                self._shapes.clear()
            self._shapes[names] = len(names), itemgetter(*told), _last_two(names, told, _AMOUNTS), {}
        self._use(*self._shapes[names])
        texts = tuple(map(thing.get, DECISION))
        key = self.texts_of(thing)
        return self._learn("agent_decision", _extract.decision, texts, _AMOUNTS, self.by_texts, key)

    def trade(self, thing: dict, agent_id: str) -> tuple | None:
        """A template and its numbers, or None. `agent_id`: whose it is, where it does not say so."""
        get = thing.get
        if get("success") is False or get("order") is not None:
            return None
        whose, price, quantity, total = get("agent_id"), get("price"), get("quantity"), get("total_value")
        texts = agent_id if whose is None else whose, get("action_type"), get("type"), get("item")
        try:
            template: str | None = self.templates[texts]
        except (KeyError, TypeError):
            numbers = *_AMOUNTS, "profit", "total_value"
            template = self._learn("trade_executed", _extract.trade, texts, numbers, self.templates, texts)
        if template is None or price is None or type(price) not in NUMBERS or type(quantity) not in NUMBERS:
            return None
        profit = get("profit", get("pnl", 0.0))
        if total is None:
            total = get("cost", price * quantity)
        if type(profit) not in NUMBERS or type(total) not in NUMBERS:
            return None
        return template, (price, quantity, profit, total)

    def _learn(
        self, kind: str, read: Callable, texts: tuple, numbers: tuple, templates: dict, key: Any
    ) -> str | None:
        """None where one that is needed is no string, or one is long."""
        for text in texts:
            if text is not None and (type(text) is not str or len(text) > _TEXT_CHARS_MAX):
                return None
        data = read(dict(zip(DECISION, texts)))
        if data is None or texts[3] is None:
            return None
        for name in numbers:
            del data[name]
        if data["agent_id"] is None:
            data["agent_id"] = self._agent_id
        if len(templates) >= _KEPT_MAX:
            templates.clear()
        fields = "".join([',"%s":%%s' % name for name in numbers])
        template = _EVENT % (kind, encode(data)[:-1].replace("%", "%%"), fields)
        templates[key] = template
        return template


def portfolio(agent_id: str, inventory: dict | None, value: bool, pnl: bool) -> str:
    """For gp, total_value, with `value` inventory_value, and with `pnl` realized_pnl. Empty where there
    is none."""
    data: dict[str, Any] = {"agent_id": agent_id}
    if inventory is not None:
        data["inventory"] = inventory
    try:
        text = encode(data)
    except Exception:
        return ""
    odd = text.count("{") > 2 or "[" in text or "NaN" in text or "Infinity" in text
    if odd or len(text) > _HELD_CHARS_MAX:
        return ""
    names = ["gp", "total_value"] + ["inventory_value"] * value + ["realized_pnl"] * pnl
    names += ["inventory_value"] * (not value)
    fields = "".join([',"%s":%%s' % name for name in names])
    text = _EVENT % ("portfolio_update", text[:-1].replace("%", "%%"), fields)
    return text if value else Held(text)


def _last_two(names: tuple, told: list, two: tuple) -> Callable[[Any], Any]:
    """What reads `two`, and asks for every one of `names` that is not `told`, so that none of them is missed
    where there are others in its place."""
    others = [name for name in names if name not in told and name not in two]
    read: Callable[[Any], Any] = itemgetter(*others, *two)
    return (lambda thing: read(thing)[-2:]) if others else read


@functools.lru_cache(256)
def portfolio_getters(names: tuple, count: int) -> tuple:
    """How many names, what reads the `count` numbers for portfolio() from an info that has these, and what
    its inventory and trades. -1 of them where some numbers are None, so that it has to be looked at more
    closely."""
    numbers = ["cash" if "cash" in names else "gp", "total_value"]
    numbers += [name for name in ("inventory_value", "realized_pnl") if name in names]
    if len(numbers) != count or "agent_id" in names or len(names) > _NAMES_MAX:
        return -1, tuple, tuple
    numbers_of = itemgetter(*numbers)
    if "step_trades" in names:
        return len(names), numbers_of, _last_two(names, numbers, ("inventory", "step_trades"))
    rest_of = _last_two(names, numbers, ("inventory", "inventory"))
    return len(names), numbers_of, lambda info: (rest_of(info)[0], None)
