"""changelog.py CHANGELOG.md RELEASE OUT.gz: the changelog as Debian has it, the same bytes each time."""

import gzip
import re
import sys
import textwrap
from datetime import datetime, timezone
from email.utils import format_datetime

MAINTAINER = "PPO Bridge authors <ppo-bridge@example.org>"


def entry(version: str, date: str, text: str) -> str:
    points = [" ".join(point.split()) for point in re.split(r"^- ", text, flags=re.M)[1:]]
    lines = [textwrap.fill(p.replace("`", ""), 78, initial_indent="  * ", subsequent_indent="    ") for p in points]
    when = format_datetime(datetime.fromisoformat(date).replace(tzinfo=timezone.utc))
    head = "ppo-bridge (%s) unstable; urgency=medium" % version
    return "%s\n\n%s\n\n -- %s  %s\n" % (head, "\n".join(lines), MAINTAINER, when)


def main() -> None:
    source, release, out = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        parts = re.split(r"^## (\S+) \((\S+)\)$", file.read(), flags=re.M)[1:]
    entries = [entry(v + "-" + release, date, text) for v, date, text in zip(*[iter(parts)] * 3)]
    with open(out, "wb") as file:
        file.write(gzip.compress("\n".join(entries).encode(), 9, mtime=0))


main()
