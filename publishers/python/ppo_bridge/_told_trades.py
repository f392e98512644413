"""Trades that are told in two ways, by an agent's record_trade() and by an environment's results: one event each."""

from __future__ import annotations

import threading
from typing import Any

from ._extract import number

_WAITING_MAX = 1024  # and once more as many that came before them


class ToldTrades:
    """Trades that one of the two ways has told and the other one has not yet. Both mean the same trade where agent,
    action, item, price and quantity are the same, and the order where both name one. As many as are the same are as
    many trades. Whoever of two ways tells only some of the trades, none is left out. The oldest are forgotten: the
    other way's is an event then. Thread-safe.
    """

    def __init__(self, recorded: bool = False) -> None:
        self.recorded = recorded  # an agent's record_trade() is hooked: there may be two ways
        self._lock = threading.Lock()
        self._count = 0  # of those in the first of the next
        self._waiting: tuple[dict[tuple, list], dict[tuple, list]] = {}, {}  # orders, by way and what is the same

    def is_news(self, trade: dict, recorded: bool) -> bool:
        """False where the other way has told it. `trade`: as it is published; `recorded`: by record_trade()."""
        item = trade.get("item_id", trade["item"])
        what = str(trade["action_type"]).lower(), str(item), number(trade["price"]), number(trade["quantity"])
        key = str(trade["agent_id"]), *what
        order = trade.get("order")
        with self._lock:
            for waiting in reversed(self._waiting):
                others = waiting.get((not recorded, *key), [])
                for n, other in enumerate(others):
                    if order is None or other is None or str(order) == str(other):
                        del others[n]
                        return False
            self._keep((recorded, *key), order)
        return True

    def _keep(self, key: tuple, order: Any) -> None:
        self._count += 1
        if self._count > _WAITING_MAX:
            self._count, self._waiting = 1, ({}, self._waiting[0])
        self._waiting[0].setdefault(key, []).append(order)
