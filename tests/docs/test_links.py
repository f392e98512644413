"""No link of the pages leads nowhere, in the source or on the web site that is made of them."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import unittest
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pages import ROOT, pages, prose

LINK = re.compile(r"\]\(([^)\s]+)\)")
CONF = ROOT / "conf/docs"


def anchors(page: Path) -> set:
    """Of its headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    found = []
    for heading in re.findall(r"^#+ (.*)$", text, re.M):
        words = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
        found.append(words.strip().replace(" ", "-"))
    return set(found)


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set = set()
        self.links: list = []
        self.loaded: list = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        of = dict(attributes)
        self.ids.add(of.get("id"))
        if tag == "a" and of.get("href"):
            self.links.append(of["href"])
        elif tag in ("script", "link", "img", "iframe"):
            self.loaded += [of[name] for name in ("src", "href") if of.get(name)]


class Source(unittest.TestCase):
    def test_every_link_leads_somewhere(self) -> None:
        count = 0
        for page in pages():
            for link in LINK.findall(prose(page)):
                to = urlsplit(link)
                if to.scheme:
                    continue
                count += 1
                with self.subTest("%s: %s" % (page, link)):
                    file = (ROOT / page).parent / to.path if to.path else ROOT / page
                    self.assertTrue(file.is_file(), "there is no such file")
                    if to.fragment:
                        self.assertIn(to.fragment, anchors(file))
        self.assertGreater(count, 40)

    def test_every_page_is_on_the_site(self) -> None:
        listed = re.findall(r": (\S+\.md)$", (CONF / "mkdocs.yml").read_text(), re.M)
        self.assertEqual(sorted(listed), pages())

    def test_a_recipe_takes_three_files_at_most(self) -> None:
        recipes = (ROOT / "CONTRIBUTING.md").read_text().partition("\n## Recipes\n")[2].partition("\n## ")[0].split("\n### ")[1:]
        self.assertGreater(len(recipes), 5)
        for recipe in recipes:
            with self.subTest(recipe.partition("\n")[0]):
                self.assertLessEqual(len(re.findall(r"^\d+\. ", recipe, re.M)), 3)
                self.assertNotRegex(recipe, "four files|five files")

    def test_readme_is_short(self) -> None:
        self.assertLess(len((ROOT / "README.md").read_text().split("\n")), 151)


@unittest.skipUnless(shutil.which("mkdocs"), "MkDocs is not installed; ./dev docs does")
class Site(unittest.TestCase):
    def test_it_is_whole_and_loads_nothing_from_elsewhere(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            pages_at, site = Path(place, "pages"), Path(place, "site")
            subprocess.run(["/usr/bin/python3", CONF / "gather.py", pages_at], check=True)
            settings = (CONF / "mkdocs.yml").read_text()
            settings = re.sub(r"(?m)^docs_dir: .*$", "docs_dir: %s" % pages_at, settings)
            Path(place, "mkdocs.yml").write_text(re.sub(r"(?m)^site_dir: .*$", "site_dir: %s" % site, settings))
            command = ["mkdocs", "build", "--strict", "--quiet", "--config-file", Path(place, "mkdocs.yml")]
            done = subprocess.run(command, capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
            made = {file.resolve(): Page(file.read_text()) for file in site.rglob("*.html")}
            self.assertGreater(len(made), len(pages()))
            for file, page in made.items():
                name = file.relative_to(site.resolve()).as_posix()
                for link in page.loaded:
                    with self.subTest("%s loads %s" % (name, link)):
                        self.assertFalse(urlsplit(link).netloc)
                if name == "404.html":  # its links are from the root of a server
                    continue
                for link in page.links:
                    to = urlsplit(link)
                    if to.scheme or to.netloc:
                        continue
                    with self.subTest("%s: %s" % (name, link)):
                        target = (file.parent / unquote(to.path)).resolve() if to.path else file
                        self.assertTrue(target.exists(), "there is no such file")
                        if to.fragment and target in made:
                            self.assertIn(to.fragment, made[target].ids)


if __name__ == "__main__":
    unittest.main()
