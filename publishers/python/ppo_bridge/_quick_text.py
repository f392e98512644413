"""The JSON of what hooks publish at every step, from parts that seldom change.

A step's own work drives this library out of the processor's caches, so that what is read and called
counts more than what is done: a dict of such an event and its encoding cost twice as much as all else.
What is not of the usual kind is None here, and is encoded as any other event.
"""

from __future__ import annotations

from typing import Any

from ._json import encode

_NUMBERS = (int, float)
_BELOW = 1e300  # neither infinite nor of very many digits
_TEXTS_KEPT_MAX = 4096
_TEXT_CHARS_MAX = 128  # of those kept
_START_CHARS_MAX = 8192

_texts: dict[str, str] = {}

_DECISION = '{"agent_id":%s,"action_type":%s,"item":%s,"reasoning":%s,"price":%r,"quantity":%r}'
_PORTFOLIO = '%s,"gp":%r,"total_value":%r,"inventory_value":%r}'
_PORTFOLIO_PNL = '%s,"gp":%r,"total_value":%r,"inventory_value":%r,"realized_pnl":%r}'


def decision(thing: dict, agent_id: str) -> str | None:
    """Of what decision() in _extract reads from a dict."""
    get = thing.get
    action, price, quantity = get("action_type"), get("price"), get("quantity")
    if action is None:
        action = get("type")
    if type(price) not in _NUMBERS or type(quantity) not in _NUMBERS:
        return None
    if not (-_BELOW < price < _BELOW and -_BELOW < quantity < _BELOW):
        return None
    agent = get("agent_id")
    if agent is None:
        agent = agent_id
    item, reasoning = get("item"), get("reasoning", "")
    try:
        texts = _texts[agent], _texts[action], _texts[item], _texts[reasoning]
    except (KeyError, TypeError):
        learnt = _learnt(agent, action, item, reasoning)
        if learnt is None:
            return None
        texts = learnt
    return _DECISION % (*texts, price, quantity)


def _learnt(*values: Any) -> list | None:
    """The JSON of these strings, which is kept; None where one is no string, or long."""
    for value in values:
        if type(value) is not str or len(value) > _TEXT_CHARS_MAX:
            return None
    if len(_texts) >= _TEXTS_KEPT_MAX:
        _texts.clear()
    found = [encode(value) for value in values]
    _texts.update(zip(values, found))
    return found


def portfolio_start(agent_id: str, inventory: dict | None) -> str:
    """What portfolio() begins with; empty where it is to be encoded as a whole."""
    data = {"agent_id": agent_id}
    if inventory is not None:
        data["inventory"] = inventory
    try:
        text = encode(data)
    except Exception:
        return ""
    odd = text.count("{") > 2 or "[" in text or "NaN" in text or "Infinity" in text
    return "" if odd or len(text) > _START_CHARS_MAX else text[:-1]


def portfolio(start: str, gp: Any, total: Any, value: Any, realized: Any) -> str | None:
    if type(gp) not in _NUMBERS or type(total) not in _NUMBERS:
        return None
    if value is None:
        value = total - gp
    elif type(value) not in _NUMBERS:
        return None
    if not (-_BELOW < gp < _BELOW and -_BELOW < total < _BELOW and -_BELOW < value < _BELOW):
        return None
    if realized is None:
        return _PORTFOLIO % (start, gp, total, value)
    if type(realized) not in _NUMBERS or not -_BELOW < realized < _BELOW:
        return None
    return _PORTFOLIO_PNL % (start, gp, total, value, realized)
