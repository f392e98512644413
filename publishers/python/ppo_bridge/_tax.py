"""The Grand Exchange's tax on sales, as it is since 29 May 2025."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from ._extract import number

PERCENT = 2  # of the price of each item sold, rounded down for each
FREE_BELOW = 50  # gp; cheaper items are not taxed
PER_ITEM_MAX = 5_000_000  # gp

# Items that are not taxed, by their numbers: the bond, and what beginners trade.
_LINES = Path(__file__).with_name("tax_exempt.csv").read_text(encoding="utf-8").splitlines()[1:]
EXEMPT = {int(id): name for id, name in (line.split(",", 1) for line in _LINES)}
_NAMES = frozenset(name.lower() for name in EXEMPT.values())


def is_exempt(item: Any) -> bool:
    """`item`: a name, in any case, or the item's number."""
    if isinstance(item, str):
        name = item.strip().lower()
        return name in _NAMES or (name.isdecimal() and len(name) < 10 and int(name) in EXEMPT)
    return number(item) in EXEMPT


def price_after_tax(item: Any, price: Any) -> Any:
    """What the seller of one item gets at `price` gp; None where that is no number, or infinite."""
    price = number(price)
    if price is None or not math.isfinite(price):
        return None
    if price < FREE_BELOW or is_exempt(item):
        return price
    return price - min(math.floor(price * PERCENT / 100), PER_ITEM_MAX)
