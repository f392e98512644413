"""From Python values to the JSON text of an event's `data`, and back for commands.

Encoding is what makes publish() safe: it takes a snapshot of everything, however deeply nested and
however soon the training script changes it, and the C encoder of the standard library does it in
about the time of a deep copy of one level.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import re
from collections.abc import Mapping, Set
from typing import Any, Callable

DEPTH_MAX = 63  # of data; the event around it is one more

# Of one array or tensor; more would not fit in an event.
ELEMENTS_MAX = 1 << 18

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_SURROGATES = re.compile("[\ud800-\udfff]")


class Unencodable(ValueError):
    """Says why a value cannot be the data of an event."""


def plain(value: Any) -> Any:
    """A value of a type that JSON does not know, as one that it does.

    Scalars and arrays of numpy, torch and their like are known by `item` and `tolist`; what nothing
    is known of becomes its text.
    """
    tolist = getattr(value, "tolist", None)
    if callable(tolist):
        size = getattr(value, "size", 1)
        if callable(size):  # torch: size() is a shape, numel() the number
            size = value.numel()
        if isinstance(size, int) and size > ELEMENTS_MAX:
            raise Unencodable("an array of %d elements; must be at most %d" % (size, ELEMENTS_MAX))
        return tolist()
    item = getattr(value, "item", None)
    if callable(item):
        return item()
    if isinstance(value, enum.Enum):
        return value.value if isinstance(value.value, (str, int, float)) else value.name
    if isinstance(value, Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, (Set, range)) or hasattr(value, "__next__"):
        return list(value)
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "replace")
    return str(value)


def _plain_key(key: Any) -> str:
    key = key if isinstance(key, (str, int, float, bool, type(None))) else plain(key)
    if isinstance(key, str):
        return key
    if isinstance(key, (bool, int, float, type(None))):
        return json.dumps(key)
    return str(key)


def _with_plain_keys(value: Any, depth: int = 0) -> Any:
    """The same with keys that JSON can have; a copy."""
    if depth > DEPTH_MAX:
        raise Unencodable("deeper than %d levels" % DEPTH_MAX)
    if isinstance(value, Mapping):
        return {_plain_key(k): _with_plain_keys(v, depth + 1) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_plain_keys(v, depth + 1) for v in value]
    return value


def _make_encoder() -> Callable[[Any], str]:
    """json.dumps() without what it does anew at each call; a fifth to a third quicker."""
    slow = json.JSONEncoder(
        ensure_ascii=False, check_circular=False, separators=(",", ":"), default=plain
    ).encode
    try:
        from json.encoder import c_encode_basestring, c_make_encoder

        chunks = c_make_encoder(
            None, plain, c_encode_basestring, None, ":", ",", False, False, True
        )
        join = "".join

        def quick(value: Any) -> str:
            return join(chunks(value, 0))

        if quick({"a": [1, 2.5, "é"]}) == '{"a":[1,2.5,"é"]}':
            return quick
    except Exception:  # not an interface that is promised to stay
        pass
    return slow


encode: Callable[[Any], str] = _make_encoder()


def as_mapping(data: Any) -> dict:
    """`data` of publish() as a dict; raises Unencodable where it has no names."""
    if data is None:
        return {}
    if isinstance(data, Mapping):
        return dict(data)
    if dataclasses.is_dataclass(data) and not isinstance(data, type):
        return plain(data)
    as_dict = getattr(data, "_asdict", None)  # a named tuple
    if callable(as_dict):
        return as_dict()
    raise Unencodable("data is a %s; must be a mapping" % type(data).__name__)


def as_config(config: Any) -> dict:
    """What a script keeps its settings in, as a dict: what as_mapping() takes, or the attributes of an
    object or a class that are not private; empty where there are none."""
    try:
        found = as_mapping(config)
    except Unencodable:
        found = getattr(config, "__dict__", {})
        return {k: v for k, v in found.items() if k[:1] != "_" and not callable(v)}
    return {str(key): value for key, value in found.items()}


def encode_carefully(data: Mapping) -> str:
    """As encode(), for what made it fail: keys that are no strings."""
    return encode(_with_plain_keys(data))


def depth_of(text: str) -> int:
    """How deeply the values of a JSON text are nested."""
    deepest = depth = 0
    for char in _STRINGS.sub("", text):
        if char in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "}]":
            depth -= 1
    return deepest


def to_utf8(text: str) -> bytes:
    """UTF-8; half surrogate pairs, which it cannot have, become U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text).encode()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return value


def encode_strictly(data: Mapping) -> bytes:
    """JSON as RFC 8259 has it: NaN and infinities become null."""
    text = encode(_with_plain_keys(data))
    if "NaN" in text or "Infinity" in text:
        text = encode(_finite(json.loads(text)))
    return to_utf8(text)


def strict_body(body: bytes) -> bytes:
    """A body of ours without NaN and infinities; all else stays digit for digit."""
    if b"NaN" not in body and b"Infinity" not in body:
        return body
    return to_utf8(encode(_finite(json.loads(body))))
