"""What is known of the program that runs: its name, its source code's commit, its packages' versions."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sys
from pathlib import Path
from typing import Any, Iterator

from ._names import host_name, random_name

_PART_CHARS_MAX = 20  # of a source that is made up
_ARGUMENTS_MAX = 64
_ARGUMENT_CHARS_MAX = 512
_PACKAGES_MAX = 64
_LOOKED_UP_MAX = 256  # modules whose package is asked for
_REFS_BYTES_MAX = 4 * 1024 * 1024
_COMMIT = re.compile(r"[0-9a-f]{40,64}\Z")
_SECRET = re.compile(
    r"(?i)(?:^|.*[-_])(?:password|passwd|secret|api[-_]?key"
    r"|(?:access|api|auth|bearer|github|hf|wandb)[-_]?token)\Z|-*token\Z"
)


def program_name() -> str:
    """As a user would call it: `train` of train.py or of -m train, `notebook`, `python`."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    if spec is not None and isinstance(spec.name, str):
        return spec.name[: -len(".__main__")] if spec.name.endswith(".__main__") else spec.name
    file = getattr(main, "__file__", None)
    if isinstance(file, str):
        return Path(file).stem
    return "notebook" if "ipykernel" in sys.modules else "python"


_source: str | None = None  # made up for this process


def made_up_source() -> str:
    """Host, program and a short random part; the same throughout this process."""
    global _source
    if _source is None:
        parts = host_name()[:_PART_CHARS_MAX], program_name()[:_PART_CHARS_MAX], random_name(6)
        _source = re.sub(r"[^A-Za-z0-9_.:-]", "-", "-".join(parts))
    return _source


def forget_source() -> None:
    """In a child after a fork, which is another process."""
    global _source
    _source = None


def about_program() -> dict:
    """What one needs to do the same again; bounded, and without running anything."""
    about: dict[str, Any] = {
        "argv": _arguments_shown([str(a) for a in getattr(sys, "argv", [])[:_ARGUMENTS_MAX]]),
        "host": host_name(),
        "python": platform.python_version(),
        "packages": dict(sorted(_versions())[:_PACKAGES_MAX]),
    }
    try:
        about.update(_checkout(_folder()))
    except (OSError, ValueError):  # nothing that could be read
        pass
    return about


def is_secret(name: str) -> bool:
    """Whether a setting of this name is for nobody's eyes; `eos_token` is not."""
    return _SECRET.match(name) is not None


def without_secrets(told: Any) -> Any:
    """`told`: as JSON has it. At every level what is secret by its name is `***`."""
    if isinstance(told, list):
        return [without_secrets(value) for value in told]
    if not isinstance(told, dict):
        return told
    return {
        key: "***" if is_secret(key) and value is not None and value is not True and value is not False
        else without_secrets(value)
        for key, value in told.items()
    }  # fmt: skip


def _arguments_shown(arguments: list[str]) -> list[str]:
    """`--api-key x` and `--api-key=x` are shown to everyone who watches: without their x."""
    shown: list[str] = []
    secret = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        if secret and not argument.startswith("-"):
            argument = "***"
        secret = argument.startswith("-") and is_secret(name)
        if secret and equals:
            argument, secret = name + "=***", False
        shown.append(argument[:_ARGUMENT_CHARS_MAX])
    return shown


def _versions() -> Iterator[tuple[str, str]]:
    """Of the packages that are imported by now."""
    library: frozenset = getattr(sys, "stdlib_module_names", frozenset())  # of Python 3.10
    looked_up = 0
    for name, module in list(sys.modules.items()):
        if "." in name or name.startswith("_") or name in library or module is None:
            continue
        version = getattr(module, "__dict__", {}).get("__version__")
        if not isinstance(version, str) and library and looked_up < _LOOKED_UP_MAX:
            looked_up += 1
            try:
                version = importlib.metadata.version(name)
            except Exception:  # none of that name, or one whose metadata is broken
                continue
        if isinstance(version, str):
            yield name, version[:_ARGUMENT_CHARS_MAX]


def _folder() -> Path:
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(file).resolve().parent if isinstance(file, str) else Path.cwd()


def _text(path: Path, bytes_max: int = 4096) -> str:
    """The file's beginning; empty where it is none."""
    if not path.is_file():
        return ""
    with open(path, "rb") as file:
        return file.read(bytes_max).decode("utf-8", "replace").strip()


def _checkout(folder: Path) -> dict:
    """`git_commit` and `git_branch` of the checkout around the folder, read from its .git."""
    for at in (folder, *folder.parents):
        git = at / ".git"
        if git.is_file():  # of a further work tree, or a submodule
            git = at / _text(git).replace("gitdir:", "", 1).strip()
        if not git.is_dir():
            continue
        head = _text(git / "HEAD")
        if not head.startswith("ref:"):
            return {"git_commit": head} if _COMMIT.match(head) else {}
        ref = head[len("ref:") :].strip()
        branch = {"git_branch": ref.replace("refs/heads/", "", 1)}
        common = git / (_text(git / "commondir") or ".")
        commit = _text(git / ref) or _text(common / ref)
        if not commit:
            lines = _text(common / "packed-refs", _REFS_BYTES_MAX).splitlines()
            commit = next((line.split()[0] for line in lines if line.endswith(" " + ref)), "")
        return {"git_commit": commit, **branch} if _COMMIT.match(commit) else branch
    return {}
