"""From whatever an agent or an environment returns to the data of events.

Things are read by name: the keys of a mapping, the attributes of anything else. What is missing,
None, or of another kind than expected is left out.

  decision, trade   action_type or type, item, price, quantity, agent_id; and reasoning, or profit and
                    total_value (missing: price times quantity). The action is needed.
  training update   anything named that is a number: policy_loss, value_loss, entropy, ...
  step              a tuple (observation, reward, done, info) or (observation, reward, terminated,
                    truncated, info).
  info              cash or gp, inventory, total_value, inventory_value (missing: total_value less
                    gp), realized_pnl, agent_id, step_trades (a list of trades).

A decision is also found in a member `action`, a training update in `stats` or `losses`, and either as
an element of a tuple.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

_ABSENT = object()


def field(thing: Any, name: str, default: Any = None) -> Any:
    """`thing[name]` or `thing.name`; `default` where there is none, or None."""
    if isinstance(thing, Mapping):
        value = thing.get(name)
    else:
        value = getattr(thing, name, None)
    return default if value is None else value


def number(value: Any) -> Any:
    """A plain int or float from a scalar of any library; None where it is no number."""
    if type(value) is int or type(value) is float:
        return value
    if isinstance(value, bool) or isinstance(value, (str, bytes)) or value is None:
        return None
    if isinstance(value, (int, float)):
        return value
    item = getattr(value, "item", None)
    if not callable(item):
        return None
    try:
        value = item()  # raises where there are several
    except Exception:
        return None
    return value if type(value) in (int, float) else None


def flag(value: Any) -> bool:
    try:
        return bool(value)
    except Exception:  # an array of several
        return False


def _is_tuple(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and not hasattr(value, "_asdict")


def _named(value: Any) -> dict | None:
    """What has names, as a dict."""
    if isinstance(value, Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name, None) for f in dataclasses.fields(value)}
    as_dict = getattr(value, "_asdict", None)
    if callable(as_dict):
        return dict(as_dict())
    return None


def _action(thing: Any) -> Any:
    """The name of what is done, or None."""
    action = field(thing, "action_type", _ABSENT)
    if action is _ABSENT:
        action = field(thing, "type", _ABSENT)
    if isinstance(action, str):
        return action
    name = getattr(action, "name", None)  # of an enum
    return name.lower() if isinstance(name, str) else None


def _find(result: Any, carriers: tuple, read: Any, depth: int = 3) -> dict | None:
    """What `read` finds in the result, or in an element of it."""
    if result is None or depth == 0:
        return None
    if _is_tuple(result):
        for element in result[:8]:
            found = _find(element, carriers, read, depth - 1)
            if found is not None:
                return found
        return None
    found = read(result)
    if found is not None:
        return found
    for carrier in carriers:
        held = field(result, carrier)
        if held is not None and not isinstance(held, str) and not callable(held):
            found = _find(held, carriers, read, depth - 1)
            if found is not None:
                return found
    return None


def _read_decision(thing: Any) -> dict | None:
    action = _action(thing)
    if action is None:
        return None
    return {
        "agent_id": field(thing, "agent_id"),
        "action_type": action,
        "item": field(thing, "item", ""),
        "price": field(thing, "price", 0),
        "quantity": field(thing, "quantity", 0),
        "reasoning": field(thing, "reasoning", ""),
    }


def decision(result: Any) -> dict | None:
    return _find(result, ("action",), _read_decision)


def times(price: Any, quantity: Any) -> Any:
    """Their product; 0 where one is no number."""
    price, quantity = number(price), number(quantity)
    return 0 if price is None or quantity is None else price * quantity


def _read_trade(thing: Any) -> dict | None:
    action = _action(thing)
    if action is None:
        return None
    price, quantity = field(thing, "price", 0), field(thing, "quantity", 0)
    total = field(thing, "total_value")
    return {
        "agent_id": field(thing, "agent_id"),
        "action_type": action,
        "item": field(thing, "item", ""),
        "price": price,
        "quantity": quantity,
        "profit": field(thing, "profit", 0.0),
        "total_value": times(price, quantity) if total is None else total,
    }


def trade(thing: Any) -> dict | None:
    return _find(thing, (), _read_trade)


def _read_losses(thing: Any) -> dict | None:
    named = _named(thing)
    if named is None:
        named = {
            name: getattr(thing, name, None)
            for name in ("policy_loss", "value_loss", "entropy", "approx_kl")
        }
    found = {k: number(v) for k, v in named.items() if isinstance(k, str)}
    found = {k: v for k, v in found.items() if v is not None}
    return found or None


def losses(result: Any) -> dict | None:
    """What update() returned, by its own names; without names, `loss` or the list `losses`."""
    found = _find(result, ("stats", "losses"), _read_losses)
    if found is not None:
        return found
    single = number(result)
    if single is not None:
        return {"loss": single}
    if _is_tuple(result) and result:
        numbers = [number(value) for value in result]
        if None not in numbers:
            return {"losses": numbers}
    return None


class Step:
    """What can be read from the result of step() or reset()."""

    __slots__ = ("reward", "done", "trades", "portfolio", "realized_pnl", "found")

    def __init__(self) -> None:
        self.reward = 0.0
        self.done = False
        self.trades: list[dict] = []
        self.portfolio: dict | None = None
        self.realized_pnl: Any = None
        self.found = False


def step(result: Any) -> Step:
    """Of an environment's step() or reset(); `found` is False where there is nothing of it."""
    report = Step()
    if not isinstance(result, tuple) or not result:
        if isinstance(result, Mapping):  # an observation by itself, from an older reset()
            _read_info({}, result, report)
        return report
    size = len(result)
    if size in (4, 5):
        reward = number(result[1])
        if reward is not None:
            report.found = True
            report.reward = reward if math.isfinite(reward) else 0.0
        report.done = flag(result[2]) or (size == 5 and flag(result[3]))
        report.found = report.found or report.done
    observation, info = result[0], result[-1]
    if isinstance(info, Mapping):
        _read_info(info, observation if isinstance(observation, Mapping) else {}, report)
    elif isinstance(observation, Mapping):
        _read_info({}, observation, report)
    return report


def _read_info(info: Mapping, observation: Mapping, report: Step) -> None:
    def first(*names: str) -> Any:
        for source in (info, observation):
            for name in names:
                value = source.get(name)
                if value is not None:
                    return value
        return None

    gp, total = number(first("cash", "gp")), number(first("total_value"))
    inventory, value = first("inventory"), number(first("inventory_value"))
    report.realized_pnl = number(first("realized_pnl"))
    if not isinstance(inventory, Mapping):
        inventory = None
    if gp is not None or total is not None or inventory is not None or value is not None:
        if value is None and gp is not None and total is not None:
            value = total - gp
        portfolio = {"agent_id": info.get("agent_id"), "gp": gp, "inventory": inventory}
        portfolio["total_value"], portfolio["inventory_value"] = total, value
        if report.realized_pnl is not None:
            portfolio["realized_pnl"] = report.realized_pnl
        report.portfolio = {k: v for k, v in portfolio.items() if v is not None}
        report.found = True
    trades = info.get("step_trades")
    if isinstance(trades, (list, tuple)):
        for each in trades:
            found = trade(each)
            if found is not None:
                report.trades.append(found)
        report.found = report.found or bool(report.trades)
    report.found = report.found or report.realized_pnl is not None
