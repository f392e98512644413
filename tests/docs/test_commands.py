"""What the pages say to type works: every block of code is run, or says why it is not."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pages import COMMAND, PARTS, RUN, SHOWN, blocks, indented, pages

PORTS = (5178, 5556, 5557, 5558, 5559)
# A network of its own, and nothing that outlives it.
ALONE = ["unshare", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def runs(command: list) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20).returncode == 0
    except OSError:
        return False


def free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Blocks(unittest.TestCase):
    def test_each_says_how_it_is_run(self) -> None:
        for page in pages():
            for block in blocks(page):
                with self.subTest(str(block)):
                    self.assertIn(block.language, RUN + SHOWN)
                    self.assertLessEqual(set(block.how), set(PARTS))
                    if "not run" in block.how:
                        self.assertGreater(len(block.how["not run"].split()), 3, "the reason is missing")
                    elif block.language == "cmake":
                        self.fail("what runs it?")

    def test_commands_stand_in_blocks_that_are_run(self) -> None:
        for page in pages():
            for line, text in indented(page):
                with self.subTest("%s:%d" % (page, line)):
                    self.assertIsNone(COMMAND.match(text), text)

    def test_json_is_json(self) -> None:
        for page in pages():
            for block in blocks(page):
                if block.language == "json":
                    with self.subTest(str(block)):
                        for line in block.text.splitlines():
                            json.loads(line)


class Commands(unittest.TestCase):
    def test_every_page_does_what_it_says(self) -> None:
        wanted = [p for p in pages() if any(b.language in RUN and "not run" not in b.how for b in blocks(p))]
        self.assertGreater(len(wanted), 8)
        alone = ALONE if runs([*ALONE, "true"]) else []
        if not alone and not all(free(port) for port in PORTS):
            self.skipTest("no network of its own is to be had here, and the usual ports are taken")

        def run(page: str) -> str:
            program = Path(__file__).with_name("run_page.py")
            command = [*alone, sys.executable, str(program), page]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240)
            return done.stdout if done.returncode else ""

        with ThreadPoolExecutor(2 if alone else 1) as pool:
            for page, said in zip(wanted, pool.map(run, wanted)):
                with self.subTest(page):
                    self.assertEqual(said, "")


if __name__ == "__main__":
    unittest.main()
