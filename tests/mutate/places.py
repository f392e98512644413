"""Where a source file can be changed: one comparison, bound, sign or return each."""

from __future__ import annotations

import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""
    (?P<skip>//[^\n]*|/\*.*?\*/|^[ \t]*\#(?:[^\n\\]|\\.)*
        |(?:u8|u|U|L)?R"(?P<mark>[^()\s\\]*)\(.*?\)(?P=mark)")
    |(?P<text>(?:u8|u|U|L)?"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)+')
    |(?P<number>\.?\d(?:[\w.]|'\w|[eEpP][+-])*)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<operator><=>|<<=|>>=|->\*|\.\.\.|::|->|<<|>>|<=|>=|==|!=|&&|\|\||\+\+|--|[-+*/%&|^]=|.)
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
COMPARISONS = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}
OTHERS = {"<": "<= >=", "<=": "< >", ">": ">= <=", ">=": "> <", "==": "!=", "!=": "=="}
SIGNS = {"+": "plus", "-": "minus"}
# What is said about them says nothing about the program: checks of its own, and what only a compiler reads.
UNTOUCHED_CALLS = {"assert", "static_assert", "sizeof", "decltype", "alignof", "noexcept", "reserve"}


@dataclass
class Token:
    kind: str
    text: str
    at: int

    @property
    def end(self) -> int:
        return self.at + len(self.text)


@dataclass
class Place:
    """Text that is put in place of [at, end) of a file, {id} standing for the first of its mutants' numbers."""

    file: str
    line: int
    at: int
    end: int
    text: str
    ways: list[str]  # what each mutant changes, for people
    code: str  # its line
    closes_at: int = -1  # where a ")" goes as well
    number: int = 0

    def name(self) -> str:
        """By which one that does not compile is known, whatever moves around it."""
        return f"{self.file} {self.text} {self.code}"


def source_line(source: str, at: int) -> str:
    start = source.rfind("\n", 0, at) + 1
    end = source.find("\n", at)
    return " ".join(source[start:end].split())


def tokens_of(source: str) -> list[Token]:
    found = []
    for match in TOKEN.finditer(source):
        kind = match.lastgroup if match.lastgroup != "mark" else "skip"
        if kind == "skip" and not match.group().lstrip().startswith(("//", "/*", "#")):
            kind = "text"  # a raw string
        if kind == "skip" or match.group().isspace():
            continue
        found.append(Token(kind, match.group(), match.start()))
    return found


def closing(tokens: list[Token], opens: int) -> int:
    """The index of the bracket that closes the one at `opens`."""
    depth = 0
    for i in range(opens, len(tokens)):
        if tokens[i].text in "([{":
            depth += 1
        elif tokens[i].text in ")]}":
            depth -= 1
            if depth == 0:
                return i
    return len(tokens) - 1


def statement_end(tokens: list[Token], i: int) -> int:
    """The index of the ; that ends what begins at `i`, or of the bracket that closes a body."""
    while i < len(tokens):
        if tokens[i].text == ";":
            return i
        if tokens[i].text in "([{":
            body = tokens[i].text == "{" and tokens[i - 1].text in (")", "const", "noexcept")
            i = closing(tokens, i)
            if body:
                return i
        i += 1
    return len(tokens) - 1


def untouched(tokens: list[Token]) -> set[int]:
    """The indices of tokens that a compiler must know the value of, or that only check."""
    skipped: set[int] = set()
    for i, token in enumerate(tokens):
        following = tokens[i + 1].text if i + 1 < len(tokens) else ""
        if token.text in UNTOUCHED_CALLS and following == "(":
            skipped.update(range(i, closing(tokens, i + 1) + 1))
        elif token.text in ("constexpr", "using", "enum", "friend"):
            if i and tokens[i - 1].text == "if":
                skipped.update(range(i, closing(tokens, i + 1) + 1))
            else:
                skipped.update(range(i, statement_end(tokens, i) + 1))
        elif token.text == "case":
            end = i
            while tokens[end].text != ":":
                end += 1
            skipped.update(range(i, end + 1))
        elif token.text == "operator":
            skipped.update((i, i + 1, i + 2))
    return skipped


def places_of(file: str, source: str) -> list[Place]:
    """All places of a file that can be changed."""
    tokens = tokens_of(source)
    skipped = untouched(tokens)
    places: list[Place] = []

    def place(token: Token, changed: str, *ways: str, **more: int) -> None:
        line = source.count("\n", 0, token.at) + 1
        code = source_line(source, token.at)
        places.append(Place(file, line, token.at, token.end, changed, list(ways), code, **more))

    for i, token in enumerate(tokens):
        if i in skipped or i == 0 or i + 1 >= len(tokens):
            continue
        before, after = tokens[i - 1], tokens[i + 1]
        text = token.text
        apart = source[token.at - 1].isspace() and source[token.end].isspace()
        if text in COMPARISONS and apart:
            name = COMPARISONS[text]
            second = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(text, text)
            place(token, f"{text} ::mut::make_{name}({{id}}) {second}",
                  *(f"{text} -> {other}" for other in OTHERS[text].split()))
        elif text in SIGNS and apart and before.kind != "text" and after.kind != "text":
            other = "-" if text == "+" else "+"
            place(token, f"{text} ::mut::make_{SIGNS[text]}({{id}}) {text}", f"{text} -> {other}")
        elif text == "!" and source[token.end] != "=":
            place(token, "::mut::no({id}) ->* ", "! -> nothing")
        elif token.kind == "number" and (before.text in COMPARISONS or before.text in SIGNS):
            place(token, f"::mut::number({{id}}, {text})", f"{text} -> {text} + 1")
        elif token.kind == "name" and re.fullmatch(r"k[A-Z]\w*", text) and before.text not in ("::", "const"):
            if after.text not in ("[", "(", "::", "{", "="):
                place(token, f"::mut::limit({{id}}, {text})", f"{text} -> 2 * {text}")
        elif text in ("min", "max") and before.text == "::" and after.text == "(":
            std = tokens[i - 2]
            if std.text == "std":
                other = "max" if text == "min" else "min"
                whole = Token("name", "std::" + text, std.at)
                place(whole, f"::mut::{text}({{id}})", f"{text} -> {other}")
        elif text == "return" and after.text not in (";", "{"):
            end = statement_end(tokens, i)
            value = source[after.at:tokens[end].at]
            if "nullptr" != value != "std::nullopt" and '"' not in value and "*this" not in value:
                place(token, "return ::mut::returned({id}, ", "another return", closes_at=tokens[end].at)
    return places
