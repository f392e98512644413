"""The JSON of what hooks publish at every step, by templates of the parts that seldom change.

A step's own work drives this library out of the processor's caches, and this library that work: how much
is read and called counts more than what is done, and later once more as long. So the training thread only
finds the template, and the sending thread fills in the numbers. What is not of the usual kind has no
template, and is encoded as any other event.
"""

from __future__ import annotations

from typing import Any, Callable

from . import _extract
from ._json import encode

NUMBERS = frozenset((int, float))
DECISION = ("agent_id", "action_type", "type", "item", "reasoning")

_AMOUNTS = ("price", "quantity")
_KEPT_MAX = 4096
_TEXT_CHARS_MAX = 128  # of those kept
_HELD_CHARS_MAX = 8192  # of an inventory's JSON

_EVENT = '{"type":"%s","data":%s%s}'
_PORTFOLIO = ',"gp":%s,"total_value":%s,"inventory_value":%s'


class Actions:
    """Of one agent: what decision() and trade() in _extract read from a dict that has a price and a
    quantity, by templates."""

    def __init__(self, agent_id: str) -> None:
        self._agent_id = agent_id
        self.templates: dict[tuple, str] = {}  # by texts

    def decision(self, texts: tuple) -> str | None:
        """`texts`: what a decision has under the names in DECISION. The template for its price and quantity,
        which is now in `templates`; None where it has none."""
        return self._learn("agent_decision", _extract.decision, texts, DECISION, _AMOUNTS)

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
            numbers = "price", "quantity", "profit", "total_value"
            template = self._learn("trade_executed", _extract.trade, texts, DECISION, numbers)
        if template is None or type(price) not in NUMBERS or type(quantity) not in NUMBERS:
            return None
        profit = get("profit", get("pnl", 0.0))
        if total is None:
            total = get("cost", price * quantity)
        if type(profit) not in NUMBERS or type(total) not in NUMBERS:
            return None
        return template, (price, quantity, profit, total)

    def _learn(self, kind: str, read: Callable, texts: tuple, names: Any, numbers: tuple) -> str | None:
        """None where one that is needed is no string, or one is long."""
        for text in texts:
            if text is not None and (type(text) is not str or len(text) > _TEXT_CHARS_MAX):
                return None
        data = read(dict(zip(names, texts)))
        if data is None or texts[3] is None:
            return None
        for name in numbers:
            del data[name]
        if data["agent_id"] is None:
            data["agent_id"] = self._agent_id
        if len(self.templates) >= _KEPT_MAX:
            self.templates.clear()
        fields = "".join([',"%s":%%s' % name for name in numbers])
        template = _EVENT % (kind, encode(data)[:-1].replace("%", "%%"), fields)
        self.templates[texts] = template
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
    fields = _PORTFOLIO + ',"realized_pnl":%s' if pnl else _PORTFOLIO
    return _EVENT % ("portfolio_update", text[:-1].replace("%", "%%"), fields)
