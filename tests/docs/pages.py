"""The pages of the documentation, and the blocks of code on them.

A comment right above a block says how it is tested, its parts with `;` between:

    <!-- not run: REASON -->        it is not, for this reason
    <!-- until: TEXT -->            it runs until it says TEXT, and is ended then
    <!-- stays until: TEXT -->      the same, but it is ended when the next such block, or the page, is over
    <!-- exit: N -->                its exit code
    <!-- with: NAME -->             NAME of preludes.py stands in front of it
    <!-- fresh home -->             nothing is left in the home directory of what the page did before

Without one it must end by itself with exit code 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = ("sh", "python", "cpp", "js", "sql", "cmake")  # what is run, or not for a reason
SHOWN = ("json",)
PARTS = ("not run", "until", "stays until", "exit", "with", "fresh home")
# What shell commands begin with: they belong into a block of their language, where they are run.
COMMAND = re.compile(
    r"(\$ |\./dev |build/release/|ppo-(bridge|client|bot|trainer) |curl |pip |python3 |sudo |openssl |sqlite3 |cmake |npm |PYTHONPATH=)"
)


@dataclass
class Block:
    page: str
    line: int
    language: str
    text: str
    how: dict = field(default_factory=dict)

    def __str__(self) -> str:
        return "%s:%d" % (self.page, self.line)


def pages() -> list[str]:
    """By their paths in the source."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    for folder in ("bridge", "publishers", "clients", "conf", "tests/bench"):
        found += (ROOT / folder).rglob("*.md")
    names = [page.relative_to(ROOT).as_posix() for page in found]
    return sorted(name for name in names if "node_modules" not in name)


def directive(line: str) -> dict:
    found = re.fullmatch(r"<!-- (.*) -->", line)
    if not found:
        return {}
    parts = [part.strip() for part in found.group(1).split(";")]
    return {name.strip(): value.strip() for name, _, value in (part.partition(":") for part in parts)}


def blocks(page: str) -> list[Block]:
    """The fenced ones."""
    found: list[Block] = []
    lines = (ROOT / page).read_text().split("\n")
    current: Block | None = None
    for number, line in enumerate(lines, 1):
        if current is None:
            if line.startswith("```"):
                current = Block(page, number, line[3:].strip(), "", directive(lines[number - 2]))
        elif line == "```":
            found.append(current)
            current = None
        else:
            current.text += line + "\n"
    if current is not None:
        raise ValueError("%s: the block has no end" % current)
    return found


def indented(page: str) -> list[tuple[int, str]]:
    """Lines of code without a fence, with their numbers."""
    found, fenced = [], False
    for number, line in enumerate((ROOT / page).read_text().split("\n"), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and line.startswith("    "):
            found.append((number, line[4:]))
    return found


def prose(page: str) -> str:
    """The page without its code."""
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(), flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^    .*$", "", text, flags=re.M))
