from __future__ import annotations

import json
from typing import Any


def _integer(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def loads(text: Any) -> Any:
    """An integer of more digits than int() takes, which any publisher may send, becomes a float; others beside it stay."""
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(text, parse_int=_integer)
