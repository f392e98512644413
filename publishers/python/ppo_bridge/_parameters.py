"""What a source says can be set, checked before it is told to anybody."""

from __future__ import annotations

import json
import math
from typing import Any, Iterable, Mapping

from ._json import to_utf8
from ._extract import number
from ._names import NAME_RANGE, is_name, printable

PARAMETERS_MAX = 64
KINDS = ("number", "integer", "boolean", "text", "choice")
_BYTES_MAX = 16 * 1024  # of all together; the bridge takes no more
_CHOICES_MAX = 64
_TEXT_CHARS_MAX = 256
_KEYS = ("name", "value", "kind", "min", "max", "unit", "choices", "agent_id")


def checked(parameters: Iterable[Mapping]) -> list[dict]:
    """Copies of them. Raises ValueError, which names the parameter, the member and its range."""
    found = [_checked(each) for each in parameters]
    if len(found) > PARAMETERS_MAX:
        raise ValueError("%d parameters; must be at most %d" % (len(found), PARAMETERS_MAX))
    size = len(to_utf8(json.dumps(found, ensure_ascii=False)))
    if size > _BYTES_MAX:
        raise ValueError("parameters of %d bytes; must be at most %d" % (size, _BYTES_MAX))
    return found


def _checked(given: Mapping) -> dict:
    if not isinstance(given, Mapping):
        raise ValueError("a parameter is %s; must be a mapping" % printable(repr(given)))
    parameter = {key: given[key] for key in _KEYS if given.get(key) is not None}

    def demand(key: str, good: Any, must: str) -> None:
        if not good:
            named = printable(str(parameter.get("name", "?")))
            shown = printable(repr(given.get(key)))
            raise ValueError("parameter %s: %s is %s; must be %s" % (named, key, shown, must))

    text = "1-%d characters" % _TEXT_CHARS_MAX
    demand("name", _is_text(parameter.get("name")), text)
    kind = parameter.get("kind")
    demand("kind", kind in KINDS, ", ".join(KINDS))
    for key in ("min", "max"):
        demand(key, key not in parameter or _number(parameter[key]) is not None, "a number")
    demand("unit", "unit" not in parameter or _is_text(parameter["unit"]), text)
    agent = parameter.get("agent_id")
    demand("agent_id", agent is None or is_name(agent), NAME_RANGE)
    choices = parameter.get("choices")
    if kind == "choice" or choices is not None:
        listed = choices if isinstance(choices, (list, tuple)) else ()
        plain = [c if _is_text(c) else _number(c) for c in listed[: _CHOICES_MAX + 1]]
        good = 1 <= len(plain) <= _CHOICES_MAX and None not in plain
        demand("choices", good, "1-%d texts or numbers" % _CHOICES_MAX)
        parameter["choices"] = plain
    for key in ("value", "min", "max"):
        value = parameter.get(key)
        if value is None or isinstance(value, bool) or _is_text(value) or value == "":
            continue
        plain_value = _number(value)
        if plain_value is None and isinstance(value, float):  # NaN and the infinities have no JSON
            parameter.pop(key)
            continue
        demand(key, plain_value is not None, "a number, true, false or a text of at most %d characters"
               % _TEXT_CHARS_MAX)
        parameter[key] = plain_value
    return parameter


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= _TEXT_CHARS_MAX


def _number(value: Any) -> int | float | None:
    """It as a plain finite number of at most 64 bits, of numpy's and torch's scalars too."""
    found = number(value)
    if type(found) is int:
        return found if abs(found) < 1 << 63 else None
    return found if found is not None and math.isfinite(found) else None
