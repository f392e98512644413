"""Each row of bridge/SECURITY.md names tests that are there."""

from __future__ import annotations

import re
import unittest

from support import ROOT


class Threats(unittest.TestCase):
    def test_each_has_its_test(self) -> None:
        sources = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("*_test.cpp"))
        cases = re.findall(r'TEST_CASE\(\s*"([^"]+)"', sources)
        self.assertGreater(len(cases), 300)
        lines = (ROOT / "bridge/SECURITY.md").read_text().splitlines()
        rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][1:]
        self.assertGreater(len(rows), 40)
        for row in rows:
            named = re.findall(r"`([^`]+)`(?::? ((?:\w+(?:, )?)+))?", row[-1])
            self.assertTrue(named, row)
            for name, parts in named:
                with self.subTest(name=name, row=row[0]):
                    if name.startswith("fuzz/"):
                        self.assertTrue((ROOT / "tests" / (name + ".cpp")).exists())
                    elif name.endswith(".mjs"):
                        self.assertTrue((ROOT / "tests/e2e" / name).exists())
                    elif name.endswith(".py"):
                        text = (ROOT / "tests/python" / name).read_text()
                        for part in re.findall(r"\b[A-Z]\w+", parts):
                            self.assertRegex(text, r"(?m)^class %s\b" % part)
                    else:
                        self.assertTrue([case for case in cases if name.strip(". ") in case])


if __name__ == "__main__":
    unittest.main()
