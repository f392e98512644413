"""gather.py TARGET: copies the pages that mkdocs.yml lists, and what they show and link to, as they lie in the source, for
MkDocs, which wants them in a folder of their own."""

import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


def main() -> None:
    target = Path(sys.argv[1])
    shutil.rmtree(target, ignore_errors=True)
    for page in re.findall(r": (\S+\.md)$", (HERE / "mkdocs.yml").read_text(), re.M):
        links = LINK.findall((ROOT / page).read_text())
        for file in (ROOT / page, *((ROOT / page).parent / link for link in links)):
            copy = target / file.resolve().relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


if __name__ == "__main__":
    main()
