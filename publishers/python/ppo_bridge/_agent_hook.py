"""What is published of one hooked agent."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Callable

from . import _extract
from ._hook import SCALARS, Hook
from ._quick_text import NUMBERS


class AgentHook(Hook):
    """An agent whose sample_action(), record_trade() and update() are watched."""

    _updates = _decisions = 0

    def attach(self, owner: Any, sees: dict[str, tuple]) -> bool:
        attached = super().attach(owner, sees)
        if any(method.name == "record_trade" for method in self._methods):
            self._publisher.told_trades.recorded = True
        return attached

    def see_decision(self, result: Any) -> None:
        self._decisions += 1
        first = result[0] if type(result) is tuple and result else result
        if type(first) is dict:
            actions = self._actions
            try:
                if len(first) != actions.count:
                    raise KeyError
                template = actions.by_texts[actions.texts_of(first)]
                price, quantity = numbers = actions.numbers_of(first)
            except (KeyError, TypeError):
                template = actions.decision(first)
                price, quantity = numbers = actions.numbers_of(first) if template else (None, None)
            if type(price) in NUMBERS and type(quantity) in NUMBERS:
                if self._publisher.offer_filled(template, numbers):
                    self._stats.decisions += 1
                else:
                    self._stats.failed += 1
                return
        found = _extract.decision(result)
        if found is None:
            self.unrecognised("sample_action", result, "action_type, type, side or action by name")
        else:
            self._stats.decisions += self._publish("agent_decision", found)

    def see_update(self, result: Any) -> None:
        """What update() returned keeps its names; a known field of training_update that has another
        name is there as well, and what is not known is also a scalar."""
        found = _extract.losses(result)
        self._updates += 1
        if found is None:
            self.unrecognised("update", result, "losses by name, or numbers")
            return
        data = {"agent_id": self.agent_id, "update": self._updates}
        step = self._decisions if self._decisions > 0 else None
        if step is not None:
            data["steps"] = step
        data.update(found)
        others = {}
        for tag, value in found.items():
            known = _extract.update_field(tag)
            if known is not None:
                data.setdefault(known, value)
            if known != tag and type(value) is not list:
                others[tag] = value
        self._stats.training_updates += self._publish("training_update", data)
        if others and self.active:
            self._publisher.scalars(others, self._updates if step is None else step, self.agent_id)

    def read_trade(self, original: Callable, args: tuple, kwargs: dict) -> tuple:
        """The trade that record_trade() is called with: an argument, or the arguments by name."""
        for each in (*args, *kwargs.values()):
            if isinstance(each, Mapping) or not isinstance(each, (*SCALARS, bytes)):
                found = _extract.trade(each)
                if found is not None:
                    return found, args
        try:
            named = dict(inspect.signature(original).bind(*args, **kwargs).arguments)
        except (TypeError, ValueError):
            named = dict(kwargs)
        if isinstance(named.get("trade_type"), str):
            named.setdefault("action_type", named["trade_type"])
        return _extract.trade(named), args

    def see_trade(self, result: Any, seen: tuple | None) -> None:
        if seen is None:  # reading it failed, which is counted
            return
        trade, args = seen
        if trade is None:
            self.unrecognised("record_trade", args, "an action, or an item and a price, by name")
        else:
            self._see_trades([trade], recorded=True)
