"""From whatever an agent or an environment returns to the data of events.

Things are read by name: the keys of a mapping, the attributes of anything else. What is missing,
None, or of another kind than expected is left out.

  decision, trade   action_type (or type, side, action), item, price, quantity, agent_id; and reasoning,
                    or profit, order and total_value (missing: price times quantity). The action is
                    needed; for a trade, else an item and a price.
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
import functools
import math
from collections.abc import Mapping
from typing import Any


def is_mapping(thing: Any) -> bool:
    return type(thing) is dict or isinstance(thing, Mapping)


def field(thing: Any, name: str, default: Any = None) -> Any:
    """`thing[name]` or `thing.name`; `default` where there is none, or None."""
    if is_mapping(thing):
        value = thing.get(name)
    else:
        value = getattr(thing, name, None)
    return default if value is None else value


def number(value: Any) -> Any:
    """A plain int or float from a scalar of any library; None where it is no number."""
    if value is None or type(value) is int or type(value) is float:
        return value
    if isinstance(value, bool) or isinstance(value, (str, bytes)):
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
    if value is False or value is True:
        return value
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


def _action(thing: Any) -> str | None:
    """The name of what is done."""
    if type(thing) is dict:  # the most common names of it, without further ado
        action = thing.get("action_type")
        if action is None:
            action = thing.get("type")
        if type(action) is str:
            return action
    for key in ("action_type", "type", "side", "action"):
        action = field(thing, key)
        if isinstance(action, str):
            return action
        name = getattr(action, "name", None)  # of an enum
        if isinstance(name, str):
            return name.lower()
    return None


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
    if type(thing) is dict:
        get = thing.get
    else:
        get = functools.partial(field, thing)
    item, price, quantity = get("item"), get("price"), get("quantity")
    reasoning = get("reasoning")
    return {
        "agent_id": get("agent_id"),
        "action_type": action,
        "item": "" if item is None else item,
        "price": 0 if price is None else price,
        "quantity": 0 if quantity is None else quantity,
        "reasoning": "" if reasoning is None else reasoning,
    }


def decision(result: Any) -> dict | None:
    first = result[0] if type(result) is tuple and result else result
    if type(first) is dict:  # nearly always, and at every step of a training loop
        found = _read_decision(first)
        if found is not None:
            return found
    return _find(result, ("action",), _read_decision)


def times(price: Any, quantity: Any) -> Any:
    """Their product; 0 where one is no number."""
    price, quantity = number(price), number(quantity)
    return 0 if price is None or quantity is None else price * quantity


def _read_trade(thing: Any) -> dict | None:
    action = _action(thing)
    if action is None:
        if field(thing, "item") is None or field(thing, "price") is None:
            return None
        action = "trade"
    price, quantity = field(thing, "price", 0), field(thing, "quantity", 0)
    total = field(thing, "total_value")
    found = {
        "agent_id": field(thing, "agent_id"),
        "action_type": action,
        "item": field(thing, "item", ""),
        "price": price,
        "quantity": quantity,
        "profit": field(thing, "profit", 0.0),
        "total_value": times(price, quantity) if total is None else total,
    }
    order = field(thing, "order")
    if order is not None:
        found["order"] = order
    return found


def trade(thing: Any) -> dict | None:
    if type(thing) is dict:
        return _read_trade(thing)
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

    reward: float = 0.0
    done = False
    trades: list | tuple = ()
    portfolio: dict | None = None
    realized_pnl: Any = None
    found = False  # anything


def step(result: Any) -> Step:
    """Of an environment's step() or reset()."""
    report = Step()
    if not isinstance(result, tuple) or not result:
        if is_mapping(result):  # an observation by itself, from an older reset()
            _read_info(result, None, report)
        return report
    size = len(result)
    if size == 4 or size == 5:
        reward = result[1]
        if type(reward) is not float:
            reward = number(reward)
        if reward is not None:
            report.found = True
            if math.isfinite(reward):
                report.reward = reward
        if flag(result[2]) or (size == 5 and flag(result[3])):
            report.found = report.done = True
    observation, info = result[0], result[-1]
    if not is_mapping(observation):
        observation = None
    if is_mapping(info):
        _read_info(info, observation, report)
    elif observation is not None:
        _read_info(observation, None, report)
    return report


def _read_info(info: Mapping, observation: Mapping | None, report: Step) -> None:
    gp = info.get("cash")
    if gp is None:
        gp = info.get("gp")
    total, inventory = info.get("total_value"), info.get("inventory")
    value, realized = info.get("inventory_value"), info.get("realized_pnl")
    if observation is not None:  # says what info leaves out
        gp = observation.get("cash", observation.get("gp")) if gp is None else gp
        total = observation.get("total_value") if total is None else total
        inventory = observation.get("inventory") if inventory is None else inventory
        value = observation.get("inventory_value") if value is None else value
        realized = observation.get("realized_pnl") if realized is None else realized
    if not type(gp) is type(total) is int:  # spares the calls, at every step of a loop
        gp, total = number(gp), number(total)
    if value is not None:
        value = number(value)
    if type(realized) is not int:
        realized = number(realized)
    portfolio: dict = {}
    agent_id = info.get("agent_id")
    if agent_id is not None:
        portfolio["agent_id"] = agent_id
    if gp is not None:
        portfolio["gp"] = gp
    if is_mapping(inventory):
        portfolio["inventory"] = inventory
    if total is not None:
        portfolio["total_value"] = total
    if value is not None:
        portfolio["inventory_value"] = value
    elif gp is not None and total is not None:
        portfolio["inventory_value"] = total - gp
    if len(portfolio) > (agent_id is not None):
        if realized is not None:
            portfolio["realized_pnl"] = realized
        report.portfolio = portfolio
        report.found = True
    if realized is not None:
        report.realized_pnl = realized
        report.found = True
    trades = info.get("step_trades")
    if trades and isinstance(trades, (list, tuple)):
        found = [trade(each) for each in trades]
        report.trades = [each for each in found if each is not None]
        report.found = report.found or bool(report.trades)
