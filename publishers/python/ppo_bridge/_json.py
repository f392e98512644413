"""From Python values to the JSON text of an event's `data`, and back for commands.

Encoding is what makes publish() safe: it takes a snapshot of everything, however deeply nested and
however soon the training script changes it, and the C encoder of the standard library does it in
about the time of a deep copy of one level.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Callable

from ._values import ELEMENTS_MAX, Unencodable, mapping, plain, plain_key

DEPTH_MAX = 63  # of data; the event around it is one more

_SMALL = frozenset((str, float, bool, type(None)))
_INTEGER_BITS_MAX = 4096  # many digits take long, and Python refuses more than 4,300
_HOPS_MAX = 8  # from one type to the next, of one value
_LOST_KEPT_MAX = 8
_PATH_CHARS_MAX = 160
_CUTS_MAX = 32

# Strings, and whatever else opens and closes nothing.
_FLAT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[^][{}"]+')
_SURROGATES = re.compile("[\ud800-\udfff]")


class Teller:
    """Tells a value piece by piece, and of each piece that cannot be told the path and why; in its
    place is None."""

    def __init__(self) -> None:
        self.lost: list[tuple[str, str]] = []  # the first of them
        self.lost_count = 0
        self._around: set[int] = set()  # what the value at hand is within
        self._left = ELEMENTS_MAX  # values

    def lose(self, path: tuple, why: str) -> None:
        self.lost_count += 1
        if len(self.lost) < _LOST_KEPT_MAX:
            self.lost.append((_shown(path), why))

    def tell(self, value: Any, path: tuple = (), depth: int = 1, hops: int = 0) -> Any:
        """`path`: that of what it is in, and the key or number that it has there. `depth`: the level
        that it is on, if it has any within it."""
        if value is None or isinstance(value, (str, bool, float)):
            return value
        if isinstance(value, int):
            if value.bit_length() <= _INTEGER_BITS_MAX:
                return value
            return self.lose(path, "an integer of %d bits" % value.bit_length())
        if depth > DEPTH_MAX:
            return self.lose(path, "deeper than %d levels" % DEPTH_MAX)
        if id(value) in self._around or hops > _HOPS_MAX:
            return self.lose(path, "within itself")
        self._around.add(id(value))
        try:
            if isinstance(value, (Mapping, list, tuple)):
                self._left -= len(value)
                if self._left < 0:
                    self._left += len(value)
                    text = "of %d elements; must be at most %d in all"
                    raise Unencodable(text % (len(value), ELEMENTS_MAX))
            if isinstance(value, Mapping):
                return self._members(value, path, depth)
            if isinstance(value, (list, tuple)):
                here = enumerate(list(value))
                return [self.tell(v, (path, n), depth + 1) for n, v in here]
            return self.tell(plain(value), path, depth, hops + 1)
        except Unencodable as error:
            return self.lose(path, str(error))
        except Exception as error:
            return self.lose(path, "%s: %s" % (type(error).__name__, error))
        finally:
            self._around.discard(id(value))

    def _members(self, value: Mapping, path: tuple, depth: int) -> dict:
        told = {}
        for key, member in mapping(value).items():
            try:
                name = key if type(key) is str else plain_key(key)
            except Exception as error:
                self.lose((path, "<%s>" % type(key).__name__), str(error))
            else:
                if len(name) > ELEMENTS_MAX:
                    self.lose((path, name), "a name of %d characters" % len(name))
                    continue
                small = type(member) in _SMALL
                told[name] = member if small else self.tell(member, (path, name), depth + 1)
        return told

    def text_of(self, data: Mapping, bytes_max: int) -> str:
        """Of what of it can be told, without its largest members as long as it is longer than that.
        Raises Unencodable where that does not help."""
        told = self.tell(data)
        if type(told) is not dict:
            raise Unencodable("data: " + "".join(why for _, why in self.lost[:1]))
        for _ in range(_CUTS_MAX):
            text = encode(told)
            size = len(to_utf8(text))
            if size <= bytes_max:
                return text
            if not self._cut(told):
                break
        raise Unencodable("%d bytes long; must be at most %d" % (size, bytes_max))

    def _cut(self, within: Any) -> bool:
        """The largest member, or what makes up half of it. False where there is none left to cut."""
        path: tuple = ()
        while within:
            pairs = list(within.items() if isinstance(within, dict) else enumerate(within))
            sizes = {key: len(encode(member)) for key, member in pairs}
            key = max(sizes, key=sizes.__getitem__)
            path = path, key
            member = within[key]
            parts = member.values() if isinstance(member, dict) else member
            if member is None:
                return False
            whole = not isinstance(member, (dict, list))
            if whole or 2 * max(map(_text_size, parts), default=0) < sizes[key]:
                within[key] = None
                self.lose(path, "%d characters, for which there is no room" % sizes[key])
                return True
            within = member
        return False


def _shown(path: tuple) -> str:
    """`data.a.b[3]`."""
    text = ""
    while path:
        path, key = path
        text = ("[%d]" % key if isinstance(key, int) else "." + key[:_PATH_CHARS_MAX]) + text
    return ("data" + text)[:_PATH_CHARS_MAX]


def _text_size(value: Any) -> int:
    return len(encode(value))


def _make_encoder() -> Callable[[Any], str]:
    """json.dumps() without what it does anew at each call; a fifth to a third quicker."""
    slow = json.JSONEncoder(
        ensure_ascii=False, check_circular=False, separators=(",", ":"), default=plain
    ).encode
    try:
        from json.encoder import c_encode_basestring, c_make_encoder  # type: ignore[attr-defined]

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


def encode_carefully(data: Mapping) -> str:
    """As encode(), with null for what cannot be told."""
    return encode(Teller().tell(data))


def depth_of(text: str) -> int:
    """How deeply the values of a JSON text are nested."""
    deepest = depth = 0
    for char in _FLAT.sub("", text):
        if char in "{[":
            depth += 1
            deepest = max(deepest, depth)
        else:
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
    """JSON as RFC 8259 has it: NaN, infinities and what cannot be told become null."""
    text = encode_carefully(data)
    if "NaN" in text or "Infinity" in text:
        text = encode(_finite(json.loads(text)))
    return to_utf8(text)


def strict_body(body: bytes) -> bytes:
    """A body of ours without NaN and infinities; all else stays digit for digit."""
    if b"NaN" not in body and b"Infinity" not in body:
        return body
    return to_utf8(encode(_finite(json.loads(body))))
