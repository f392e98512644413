from __future__ import annotations

import json
from typing import Any


def loads(text: Any) -> Any:
    """Integers of more digits than int() takes, which any publisher may send, become floats."""
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(text, parse_int=float)
