"""The Grand Exchange's tax on sales, as it is since 29 May 2025."""

from __future__ import annotations

import math
from typing import Any

from ._extract import number

PERCENT = 2  # of the price of each item sold, rounded down for each
FREE_BELOW = 50  # gp; cheaper items are not taxed
PER_ITEM_MAX = 5_000_000  # gp

# Items that are not taxed: the bond, and what beginners trade.
EXEMPT = {
    13190: "Old school bond",
    3008: "Energy potion(4)",
    3010: "Energy potion(3)",
    3012: "Energy potion(2)",
    3014: "Energy potion(1)",
    882: "Bronze arrow",
    806: "Bronze dart",
    884: "Iron arrow",
    807: "Iron dart",
    558: "Mind rune",
    886: "Steel arrow",
    808: "Steel dart",
    365: "Bass",
    2309: "Bread",
    1891: "Cake",
    2140: "Cooked chicken",
    2142: "Cooked meat",
    347: "Herring",
    379: "Lobster",
    355: "Mackerel",
    2327: "Meat pie",
    351: "Pike",
    329: "Salmon",
    315: "Shrimps",
    361: "Tuna",
    8011: "Ardougne teleport (tablet)",
    8010: "Camelot teleport (tablet)",
    28824: "Civitas illa fortis teleport",
    8009: "Falador teleport (tablet)",
    3853: "Games necklace(8)",
    28790: "Kourend castle teleport (tablet)",
    8008: "Lumbridge teleport (tablet)",
    2552: "Ring of dueling(8)",
    8013: "Teleport to house (tablet)",
    8007: "Varrock teleport (tablet)",
    1755: "Chisel",
    5325: "Gardening trowel",
    1785: "Glassblowing pipe",
    2347: "Hammer",
    1733: "Needle",
    233: "Pestle and mortar",
    5341: "Rake",
    8794: "Saw",
    5329: "Secateurs",
    5343: "Seed dibber",
    1735: "Shears",
    952: "Spade",
    5331: "Watering can",
}
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
