"""Builds the package beside it, which is nothing but Python, with the standard library alone.

A build backend (PEP 517, 660) that needs no other package: pip installs from a clone without a network, and
nothing is written into the folder. The wheel has each folder with an __init__.py and each module that lie
here; what it says of them is read from pyproject.toml, of which it understands strings and lists of them, and
their version from the file VERSION in the package.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import tarfile
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Tuple

_HERE = Path.cwd()  # by PEP 517 the folder with pyproject.toml
_TIME = (1980, 1, 1, 0, 0, 0)  # the same files give the same wheel
_File = Tuple[str, bytes]


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None) -> str:
    return _wheel(wheel_directory, [(_name(file), file.read_bytes()) for file in _modules()])


def build_editable(
    wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None
) -> str:
    path = "%s\n" % _HERE
    return _wheel(wheel_directory, [("%s.pth" % _text("name"), path.encode())])


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    base = "%s-%s" % (_text("name"), _version())
    with tarfile.open(Path(sdist_directory) / (base + ".tar.gz"), "w:gz") as archive:
        here = [_HERE / name for name in ("pyproject.toml", "README.md", Path(__file__).name)]
        for file in here + _modules():
            _add(archive, "%s/%s" % (base, _name(file)), file.read_bytes())
        _add(archive, base + "/PKG-INFO", _metadata())
    return base + ".tar.gz"


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _modules() -> List[Path]:
    alone = [f for f in _HERE.glob("*.py") if f.name != Path(__file__).name]
    packages = [f.parent for f in _HERE.glob("*/__init__.py")]
    inside = [f for p in packages for f in p.rglob("*") if f.is_file() and f.suffix != ".pyc"]
    return sorted(alone + inside)


def _name(file: Path) -> str:
    return file.relative_to(_HERE).as_posix()


def _wheel(folder: str, files: List[_File]) -> str:
    base = "%s-%s" % (_text("name"), _version())
    about = base + ".dist-info/"
    tags = "Wheel-Version: 1.0\nGenerator: pure_wheel\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = files + [(about + "METADATA", _metadata()), (about + "WHEEL", tags.encode())]
    record = ["%s,sha256=%s,%d" % (name, _digest(data), len(data)) for name, data in files]
    record.append(about + "RECORD,,")
    files.append((about + "RECORD", "\n".join(record).encode() + b"\n"))
    wheel = base + "-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder) / wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return wheel


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _project() -> str:
    return (_HERE / "pyproject.toml").read_text(encoding="utf-8")


def _version() -> str:
    return "".join(file.read_text(encoding="utf-8").strip() for file in _HERE.glob("*/VERSION"))


def _text(key: str) -> str:
    found = re.search(r'^%s = "([^"]*)"$' % re.escape(key), _project(), re.M)
    if found is None:
        raise SystemExit("pyproject.toml: %s is missing; must be a string" % key)
    return found.group(1)


def _lists(section: str) -> Dict[str, List[str]]:
    found = re.search(r"^\[%s\]\n((?:[^\[\n].*\n)*)" % re.escape(section), _project(), re.M)
    lists = re.findall(r"^([\w-]+) = \[(.*?)\]", found.group(1), re.M | re.S) if found else []
    return {key: re.findall(r'"([^"]*)"', items) for key, items in lists}


def _metadata() -> bytes:
    lines = [
        "Metadata-Version: 2.1",
        "Name: " + _text("name"),
        "Version: " + _version(),
        "Summary: " + _text("description"),
        "License: MIT",
        "Requires-Python: " + _text("requires-python"),
    ]
    lines += ["Requires-Dist: " + need for need in _lists("project").get("dependencies", [])]
    for extra, needs in _lists("project.optional-dependencies").items():
        lines.append("Provides-Extra: " + extra)
        lines += ['Requires-Dist: %s; extra == "%s"' % (need, extra) for need in needs]
    readme = (_HERE / _text("readme")).read_text(encoding="utf-8")
    lines += ["Description-Content-Type: text/markdown", "", readme]
    return "\n".join(lines).encode()


def _leave_nothing() -> None:
    """Python has compiled this file into the source's folder by now."""
    try:
        Path(__cached__).unlink()
        Path(__cached__).parent.rmdir()
    except (OSError, TypeError):  # not written, or not alone there
        pass


_leave_nothing()
