"""From the values of Python and its libraries to those that JSON has."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import operator
from collections import UserString
from collections.abc import Mapping, Sequence, Set, ValuesView
from itertools import islice
from numbers import Real
from typing import Any, Iterator

from . import _extract

# Of one array, tensor or list; more would not fit in an event.
ELEMENTS_MAX = 1 << 18

_scalars: set[type] = set()  # numpy's, of which nothing but the item is to be asked
_SCALARS_MAX = 64
_FLAT_DEPTH_MAX = 16


class Unencodable(ValueError):
    """Says why a value cannot be the data of an event."""


class Lost:
    """Stands where a value should be that cannot be told."""

    def __init__(self, why: str) -> None:
        self.why = why


def plain(value: Any) -> Any:
    """A value of a type that JSON does not know, as one that it does. Takes nothing that reading it
    would change.

    Arrays and scalars of numpy, torch and their like are known by `tolist`, numbers by `__float__`;
    what nothing is known of becomes its text.

    Raises Unencodable, or what the value itself raises.
    """
    kind = type(value)
    if kind in _scalars:
        return value.tolist()
    if hasattr(kind, "tolist"):
        size = getattr(value, "size", None)
        if type(size) is not int or size > ELEMENTS_MAX:
            _check_size(value, size)
        found = value.tolist()
        if type(found) is list and found and type(found[0]) is float:
            return found
        return _elements(value, found)
    if hasattr(kind, "__array__"):
        return value.__array__()
    if isinstance(value, enum.Enum):
        return value.value if isinstance(value.value, (str, int, float)) else value.name
    if dataclasses.is_dataclass(kind):
        unset = Lost("has no value")
        return {f.name: getattr(value, f.name, unset) for f in dataclasses.fields(kind)}
    if isinstance(value, Mapping):
        return mapping(value)
    if hasattr(kind, "__next__"):
        raise Unencodable("a %s, which reading would use up" % kind.__name__)
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "replace")
    if isinstance(value, UserString):
        return str(value)
    if isinstance(value, (Set, Sequence, ValuesView)):
        _check_number(len(value))
        return _elements_of(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if hasattr(kind, "__float__"):  # Decimal, Fraction
        try:
            return float(value)
        except TypeError:  # a symbol, for one
            return str(value)
    if kind is Lost:
        raise Unencodable(value.why)
    return str(value)


def number(value: Any) -> Any:
    """A scalar of any library as an int or a float, a flag as 0 or 1; Lost where it is no number."""
    found = _extract.number(value)
    if found is not None:
        return found
    if not isinstance(value, (str, bytes)):
        try:
            return int(operator.index(value))
        except Exception:
            try:
                return float(value)
            except Exception:
                pass
    return Lost("a %s; must be a number" % type(value).__name__)


def is_number(value: Any) -> bool:
    """Whether it is one point of a curve."""
    return type(number(value)) is not Lost


def mapping(value: Mapping) -> dict:
    return dict(value) if isinstance(value, dict) else dict(_elements_of(value.items()))


def _elements_of(value: Any) -> list:
    """Counted, since what has a length may yet go on for ever."""
    found = list(islice(value, ELEMENTS_MAX + 1))
    _check_number(len(found))
    return found


def _check_number(elements: int) -> None:
    if elements > ELEMENTS_MAX:
        raise Unencodable("of %d elements; must be at most %d" % (elements, ELEMENTS_MAX))


def _check_size(value: Any, size: Any) -> None:
    if callable(size):  # torch: size() is a shape, numel() the number
        size = value.numel()
    elif size is None and hasattr(value, "__len__"):
        size = len(value)
    if isinstance(size, int):
        _check_number(size)


def _elements(value: Any, found: Any) -> Any:
    """`found`: of its elements. numpy's longdouble is its own, and its times come as integers."""
    unit = getattr(getattr(value, "dtype", None), "kind", "")
    if unit == "M":
        return value.astype(str).tolist()
    if unit == "m":
        return (value.astype("timedelta64[ns]").astype(float) / 1e9).tolist()
    if type(found) in (float, int, bool) and unit and not hasattr(type(value), "__len__"):
        if len(_scalars) < _SCALARS_MAX:
            _scalars.add(type(value))
    if type(found) is not type(value):
        return found
    return float(found) if isinstance(found, Real) else str(found)


def plain_key(key: Any) -> str:
    key = key if isinstance(key, (str, int, float, bool, type(None))) else plain(key)
    if isinstance(key, str):
        return key
    if isinstance(key, (bool, int, float, type(None))):
        return json.dumps(key)
    return str(key)


def as_mapping(data: Any) -> dict:
    """`data` of publish() as a dict; raises Unencodable where it has no names."""
    if data is None:
        return {}
    if isinstance(data, Mapping):
        return mapping(data)
    found = None
    if dataclasses.is_dataclass(data) and not isinstance(data, type):
        found = plain(data)
    elif hasattr(type(data), "_asdict"):  # a named tuple
        found = data._asdict()
    if isinstance(found, dict):
        return found
    raise Unencodable("data is a %s; must be a mapping" % type(data).__name__)


def as_config(config: Any) -> dict:
    """What a script keeps its settings in, as a dict: what as_mapping() takes, or what an object and its
    class have of attributes that are neither private nor methods. Raises Unencodable where there are none."""
    try:
        return {str(key): value for key, value in as_mapping(config).items()}
    except Unencodable:
        if not hasattr(config, "__dict__"):
            text = "config is a %s; must be a mapping or an object with attributes"
            raise Unencodable(text % type(config).__name__) from None
    classes = config.__mro__ if isinstance(config, type) else type(config).__mro__
    found: dict = {}
    for each in (*reversed(classes), config):
        found.update(vars(each))
    return {
        key: value
        for key, value in found.items()
        if key[:1] != "_" and not callable(value) and not hasattr(type(value), "__get__")
    }


def flat(values: Mapping, above: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """{"a": {"b": 1}} as a/b: 1."""
    for key, value in values.items():
        tag = above + str(key)
        if isinstance(value, Mapping) and depth < _FLAT_DEPTH_MAX:
            yield from flat(value, tag + "/", depth + 1)
        else:
            yield tag, value
