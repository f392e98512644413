"""The JSON of what hooks publish at every step, by templates of the parts that seldom change.

A step's own work drives this library out of the processor's caches, and this library that work: how much
is read and called counts more than what is done, and later once more as long. What is not of the usual kind
has no text here, and is encoded as any other event.
"""

from __future__ import annotations

from typing import Any

from . import _extract
from ._json import encode

_TEXTS = ("agent_id", "action_type", "type", "item", "reasoning")
_AMOUNTS = ("price", "quantity")
_NUMBERS = frozenset((int, float))
_KEPT_MAX = 4096
_TEXT_CHARS_MAX = 128  # of those kept
_HELD_CHARS_MAX = 8192  # of an inventory's JSON

_DECISION = '{"type":"agent_decision","data":%s,"price":%%s,"quantity":%%s}'
_PORTFOLIO = '{"type":"portfolio_update","data":%s,"gp":%%s,"total_value":%%s,"inventory_value":%%s'


def filled(template: str, numbers: tuple) -> str | None:
    """None where one is no int or float, not finite, or of too many digits."""
    try:
        if _NUMBERS.issuperset(map(type, numbers)) and sum(numbers) * 0 == 0:
            return template % numbers
    except (OverflowError, ValueError):
        pass
    return None


class Decisions:
    """Of one agent: what decision() in _extract reads from a dict that has a price and a quantity."""

    def __init__(self, agent_id: str) -> None:
        self._agent_id = agent_id
        self._templates: dict[tuple, str] = {}

    def of(self, thing: dict) -> str | None:
        get = thing.get
        texts = tuple(map(get, _TEXTS))
        try:
            template: str | None = self._templates[texts]
        except (KeyError, TypeError):
            template = self._learn(texts)
        return None if template is None else filled(template, tuple(map(get, _AMOUNTS)))

    def _learn(self, texts: tuple) -> str | None:
        """None where one that is needed is no string, or one is long."""
        for text in texts:
            if text is not None and (type(text) is not str or len(text) > _TEXT_CHARS_MAX):
                return None
        data = _extract.decision(dict(zip(_TEXTS, texts)))
        if data is None or texts[3] is None:
            return None
        del data["price"], data["quantity"]
        if data["agent_id"] is None:
            data["agent_id"] = self._agent_id
        if len(self._templates) >= _KEPT_MAX:
            self._templates.clear()
        template = _DECISION % encode(data)[:-1].replace("%", "%%")
        self._templates[texts] = template
        return template


def portfolio(agent_id: str, inventory: dict | None, pnl: bool) -> str:
    """For gp, total_value, inventory_value and, with `pnl`, realized_pnl. Empty where there is none."""
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
    end = ',"realized_pnl":%s}' if pnl else "}"
    return _PORTFOLIO % text[:-1].replace("%", "%%") + end
