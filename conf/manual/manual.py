"""manual.py KIND OUT PROGRAM [ARGUMENT...]: what a program's --help says, in another form.

KIND is man (a manual page; ARGUMENT: its date and version), bash or zsh (completion). The --help of the program and of
each of its subcommands is all that is known of it, so these cannot say anything else.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator, List, Tuple

DESCRIPTION_AT = 30  # the column where CLI11 begins what an option means
LISTS = ("Positionals", "Options", "Subcommands")
# What a completion asks the bridge for, by the name of the option or positional.
LIVE = {"--target": "targets", "--source": "sources", "--prices-from": "sources", "--agent": "agents", "--run": "runs",
        "RUN": "runs", "--type": "types", "--types": "types", "TYPE": "types", "NAME": "commands", "--command": "commands"}
FILES = ("-c", "--config", "-o", "--output", "--token-file", "--ca", "--credentials", "--items", "--checkpoints",
         "--curve", "--server-key", "--out")


@dataclass
class Item:
    """An option, a positional or a subcommand."""

    names: List[str]
    value: str  # its form; "" where it takes none
    meaning: str

    @property
    def choices(self) -> List[str]:
        found = re.search(r"\{([^}]*)\}", self.value)
        return found.group(1).split(",") if found else []


@dataclass
class Command:
    path: List[str]
    about: str = ""
    usage: str = ""
    lists: dict = field(default_factory=lambda: {name: [] for name in LISTS})
    rest: str = ""
    commands: List["Command"] = field(default_factory=list)

    def all(self) -> Iterator["Command"]:
        yield self
        for command in self.commands:
            yield from command.all()


def item(line: str) -> Item:
    name, meaning = line[2:DESCRIPTION_AT].strip(), line[DESCRIPTION_AT:].strip()
    if line[DESCRIPTION_AT - 1 : DESCRIPTION_AT].strip() or name.count("[") != name.count("]"):
        name, meaning = line.strip(), ""  # it is long: what it means is on the next line
    names, _, value = name.partition(" ")
    return Item(names.split(","), value, meaning)


def ask(program: str, path: List[str]) -> Command:
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    text = subprocess.run([program, *path, "--help"], capture_output=True, text=True, check=True, env=environment).stdout
    command, now, rest = Command([Path(program).name, *path]), "", []
    for line in text.splitlines():
        heading = line[:-1] if line.endswith(":") and line[:-1] in LISTS else None
        if heading:
            now = heading
        elif line.startswith("Usage: "):
            command.usage = line[len("Usage: "):]
        elif not command.usage:
            command.about += line + "\n"
        elif now and line.startswith(" " * DESCRIPTION_AT):
            last = command.lists[now][-1]
            last.meaning = (last.meaning + " " + line.strip()).strip()
        elif now and line.startswith("  "):
            command.lists[now].append(item(line))
        else:
            now = now if not line else ""
            rest.append(line)
    command.about, command.rest = command.about.strip(), "\n".join(rest).strip()
    command.commands = [ask(program, path + sub.names) for sub in command.lists["Subcommands"]]
    return command


# --- a manual page

def roff(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("^", "\\(ha").replace("~", "\\(ti")
    return re.sub(r"^\.", r"\\&.", text, flags=re.M)


def roff_items(items: List[Item]) -> str:
    out = ""
    for one in items:
        names = ", ".join("\\fB%s\\fR" % roff(name) for name in one.names)
        out += ".TP\n%s%s\n%s\n" % (names, " " + roff(one.value) if one.value else "", roff(one.meaning) or "\\&")
    return out


HEADINGS = {"Exit codes": "EXIT STATUS", "Environment": "ENVIRONMENT", "Examples": "EXAMPLES"}


def roff_text(text: str, heading: str) -> str:
    """Paragraphs; lines that are indented stay as they are; "Name:" on a line of its own, or a known one, begins a part."""
    out, fixed = "", False
    for line in text.splitlines():
        known, _, behind = line.partition(":")
        indented = line.startswith("  ")
        if fixed and not indented:
            out, fixed = out + ".fi\n", False
        if known in HEADINGS:
            name = HEADINGS[known] if heading == "SH" else known
            out += ".%s %s\n%s" % (heading, name, roff(behind.strip()) + "\n" if behind.strip() else "")
        elif not line:
            out += ".PP\n"
        elif indented:
            out, fixed = out + ("" if fixed else ".nf\n") + roff(line) + "\n", True
        else:
            out += roff(line) + "\n"
    out += ".fi\n" if fixed else ""
    return re.sub(r"(\.PP\n)+(?=\.S|\.PP|$)", "", out)


def man(program: Command, date: str, version: str) -> str:
    name, first = program.path[0], re.split(r"\.(?:\s|$)", program.about)[0]
    out = '.\\" Made of --help.\n'
    out += '.TH %s 1 "%s" "PPO Bridge %s" "User Commands"\n' % (name.upper().replace("-", "\\-"), date, version)
    out += ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n\\fB%s\\fR%s\n" % (roff(name), roff(first[0].lower() + first[1:]), roff(name),
                                                               roff(program.usage[len(name):]))
    out += ".SH DESCRIPTION\n" + roff(program.about) + "\n"
    out += ".SH OPTIONS\n" + roff_items(program.lists["Positionals"] + program.lists["Options"])
    if program.commands:
        out += ".SH COMMANDS\n"
    for command in list(program.all())[1:]:
        out += ".SS %s\n%s\n" % (roff(command.usage), roff(command.about))
        own = [o for o in command.lists["Options"] if "--help" not in o.names]
        out += roff_items(command.lists["Positionals"] + own)
        if command.rest and command.rest != program.rest and not command.commands:
            out += ".PP\n" + roff_text(command.rest, "PP\n.B")
    if program.rest.partition(":")[0] not in HEADINGS:
        out += ".SH NOTES\n"
    out += roff_text(program.rest, "SH")
    others = sorted({"ppo-bridge", "ppo-client", "ppo-bot", "ppo-trainer"} - {name})
    return out + ".SH SEE ALSO\n" + ", ".join("\\fB%s\\fR(1)" % roff(other) for other in others) + "\n"


# --- completion

def candidates(program: Command) -> List[Tuple[str, str, List[Tuple[str, str]]]]:
    """(path, word before, candidates with meaning); the word before is "" for what may begin there. A candidate
    @live:KIND is asked for, @files stands for files."""
    found = []
    options = program.lists["Options"]
    for command in program.all():
        path = " ".join(command.path[1:])
        here = [(s.names[0], s.meaning) for s in command.lists["Subcommands"]]
        for positional in command.lists["Positionals"]:
            name = positional.names[0]
            if name in LIVE and (name != "NAME" or path == "command"):
                here.append(("@live:" + LIVE[name], ""))
        own = command.lists["Options"] + ([o for o in options if "--version" not in o.names and "--help" not in o.names]
                                          if path and program.path[0] == "ppo-client" else [])
        seen = set()
        for option in own:
            for name in option.names:
                if name in seen:
                    continue
                seen.add(name)
                here.append((name, option.meaning))
                if option.value:
                    live = [("@live:" + LIVE[name], "")] if name in LIVE else [("@files", "")] if name in FILES else []
                    found.append((path, name, [(c, "") for c in option.choices] or live))
        found.append((path, "", here))
    return found


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def table(program: Command, shell: str) -> str:
    """The branches of a case over "PATH:WORD BEFORE"."""
    out = ""
    for path, before, words in candidates(program):
        listed = " ".join(quoted(word + (":" + about if about and shell == "zsh" else "")) for word, about in words)
        out += "      %s) found=(%s) ;;\n" % (quoted(path + ":" + before), listed)
    return out


def completion(program: Command, shell: str) -> str:
    template = Path(__file__).with_name("completion." + shell).read_text()
    paths = " ".join(quoted(" ".join(c.path[1:])) for c in program.all() if c.path[1:])
    for key, value in (("@PROGRAM@", program.path[0]), ("@FUNCTION@", program.path[0].replace("-", "_")),
                       ("@PATHS@", paths), ("@TABLE@\n", table(program, shell))):
        template = template.replace(key, value)
    return template


def main() -> None:
    kind, out, program, *more = sys.argv[1:]
    command = ask(program, [])
    Path(out).write_text(man(command, *more) if kind == "man" else completion(command, kind))


main()
