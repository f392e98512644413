"""From whatever an agent returns or is called with to the data of events; for environments see _steps.

Things are read by name: the keys of a mapping, the attributes of anything else. What is missing,
None, or of another kind than expected is left out.

  decision, trade   action_type (or type, side, action), item (or item_name, item_id), price, quantity,
                    agent_id; and reasoning, or profit (or pnl), order and total_value (or cost;
                    missing: price times quantity). The action is needed; for a trade, else an item and
                    a price. What says `success` false is no trade.
  training update   anything named that is a number: policy_loss, value_loss, entropy, ...

A decision is also found in a member `action`, a training update in `stats` or `losses`, and either as
an element of a tuple.
"""

from __future__ import annotations

import dataclasses
import functools
import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import TypeGuard

# The last part of a name that people give to what they log, lower-case -> the field of training_update.
_UPDATE_FIELDS = {
    "policy_loss": "policy_loss",
    "policy_gradient_loss": "policy_loss",
    "pg_loss": "policy_loss",
    "value_loss": "value_loss",
    "v_loss": "value_loss",
    "vf_loss": "value_loss",
    "entropy": "entropy",
    "entropy_loss": "entropy_loss",
    "approx_kl": "approx_kl",
    "kl": "approx_kl",
    "old_approx_kl": "old_approx_kl",
    "clipfrac": "clip_fraction",
    "clip_frac": "clip_fraction",
    "clip_fraction": "clip_fraction",
    "explained_variance": "explained_variance",
    "explained_var": "explained_variance",
    "learning_rate": "learning_rate",
    "lr": "learning_rate",
    "sps": "steps_per_second",
    "fps": "steps_per_second",
    "steps_per_second": "steps_per_second",
}


def update_field(tag: str) -> str | None:
    """Which known field of training_update a tag like "losses/pg_loss" is; None: none of them."""
    return _UPDATE_FIELDS.get(tag.rsplit("/", 1)[-1].lower())


def is_mapping(thing: Any) -> TypeGuard[Mapping]:
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
    if isinstance(value, (int, float)):  # of an enum, numpy's float64
        return int(value) if isinstance(value, int) else float(value)
    try:
        item = getattr(value, "item", None)
        if callable(item):
            value = item()  # raises where there are several
            if type(value) is int or type(value) is float:
                return value
        # Decimal, Fraction and long doubles; numbers, but not a flag.
        if isinstance(value, numbers.Number) and not isinstance(value, bool):
            return float(value)  # type: ignore[arg-type]
    except Exception:
        pass
    return None


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
        if type(action) is str:
            return action
        name = getattr(action, "name", None)  # of an enum
        if isinstance(name, str):
            return name.lower()
        if isinstance(action, str):
            return action
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


def _getter(thing: Any) -> Any:
    """field() of it, or a dict's own get(), which is quicker."""
    return thing.get if type(thing) is dict else functools.partial(field, thing)


def item_of(thing: Any) -> Any:
    """What is traded, by the first of its names; None where it has none."""
    for name in ("item", "item_name", "item_id"):
        found = field(thing, name)
        if found is not None:
            return found
    return None


def _read_decision(thing: Any) -> dict | None:
    action = _action(thing)
    if action is None:
        return None
    get = _getter(thing)
    item, price, quantity = get("item"), get("price"), get("quantity")
    if item is None:
        item = item_of(thing)
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
    get = _getter(thing)
    item, action = item_of(thing), _action(thing)
    price, quantity, total, profit = get("price"), get("quantity"), get("total_value"), get("profit")
    if action is None:
        if item is None or price is None:
            return None
        action = "trade"
    if get("success") is False:
        return None
    if total is None:
        total = get("cost")
    if profit is None:
        profit = get("pnl")
    found = {
        "agent_id": get("agent_id"),
        "action_type": action,
        "item": "" if item is None else item,
        "price": 0 if price is None else price,
        "quantity": 0 if quantity is None else quantity,
        "profit": 0.0 if profit is None else profit,
        "total_value": times(price, quantity) if total is None else total,
    }
    order = get("order")
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
