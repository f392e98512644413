"""python3 run_page.py PAGE: runs the blocks of a page one after the other, as they stand there, in a copy of the
checkout's layout, with a bridge on its usual ports and a trainer on it. Says on stdout what did not go well.

Its caller gives it a network of its own, so that the ports are free.
"""

from __future__ import annotations

import os
import queue
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import preludes
from pages import ROOT, Block, blocks, pages

PATIENCE_S = 60.0
BIN = Path(os.environ["PPO_BRIDGE_BIN"]).resolve().parent
HERE = Path(__file__).resolve().parent
WEB = ROOT / "clients/web"


class Failed(Exception):
    pass


class Program:
    """One that runs, and what it has said so far."""

    def __init__(self, command: list, cwd: Path, env: dict) -> None:
        self.process = subprocess.Popen(
            list(map(str, command)), cwd=cwd, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        )
        self.said = ""
        self._lines: queue.Queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def wait(self, until: str | None) -> None:
        """For its end, or for it to say `until`."""
        end = time.monotonic() + PATIENCE_S
        while until is None or until not in self.said:
            try:
                line = self._lines.get(timeout=max(end - time.monotonic(), 0))
            except queue.Empty:
                raise Failed("nothing came of it in %.0f s:\n%s" % (PATIENCE_S, self.said)) from None
            if line is None:
                break
            self.said += line
        if until is not None and until not in self.said:
            raise Failed("it ended without %r:\n%s" % (until, self.said))

    def end(self) -> int:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                pass
            try:
                return self.process.wait(5)
            except subprocess.TimeoutExpired:
                pass
        return self.process.wait()


class Page:
    def __init__(self, place: Path) -> None:
        self.place = place / "checkout"
        self.home = place / "home"
        (self.place / "build/release").mkdir(parents=True)
        (self.place / "build/release/bin").symlink_to(BIN)
        for name in ("bridge", "publishers", "clients", "conf", "tests", "dev"):
            (self.place / name).symlink_to(ROOT / name)
        path = place / "path"
        path.mkdir()
        (path / "python3").symlink_to(sys.executable)
        for name in ("ppo-bridge", "ppo-client", "ppo-bot"):
            (path / name).symlink_to(BIN / name)
        self.home.mkdir()
        self.env = {
            "PATH": "%s:%s" % (path, os.environ["PATH"]),
            "HOME": str(self.home),
            "PYTHONPATH": os.environ["PYTHONPATH"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "LC_ALL": "C.UTF-8",
        }
        self.stays: list[Program] = []

    def start(self, command: list, until: str) -> None:
        self.stays.append(Program(command, self.place, self.env))
        self.stays[-1].wait(until)

    def furnish(self) -> None:
        """A bridge, a trainer, and events of the trainer's."""
        self.start([BIN / "ppo-bridge"], "ready ")
        trainer = [BIN / "ppo-trainer", "--agents", "2", "--steps", "100000000", "--pace", "500"]
        self.stays.append(Program([*trainer, "--source", "trainer-1", "--run", "k3f9a2", "--quiet"], self.place, self.env))
        for type in ("training_update", "trade_executed"):
            seen = Program([BIN / "ppo-client", "tail", type, "--since", "last:1", "-n", "1"], self.place, self.env)
            seen.wait(None)
            seen.end()

    def end(self) -> None:
        while self.stays:
            self.stays.pop().end()

    def command(self, block: Block) -> list:
        prelude = block.how.get("with", "")
        if block.language == "sh":
            return ["bash", "-euo", "pipefail", "-c", block.text]
        if block.language == "python":
            (self.place / "block.py").write_text((preludes.PYTHON[prelude] if prelude else "") + block.text)
            return [sys.executable, HERE / "run_block.py", "block.py"]
        if block.language == "cpp":
            before, behind = preludes.CPP[prelude] if prelude else ("", "")
            (self.place / "block.cpp").write_text(before + block.text + behind)
            include = ROOT / "publishers/ppo_publisher/include"
            return ["g++", "-std=c++17", "-Wall", "-fsyntax-only", "-I", include, "block.cpp"]
        if block.language == "js":
            modules = WEB / "node_modules"
            build = [modules / ".bin/esbuild", WEB / "src/feed/index.ts", "--bundle", "--format=esm", "--target=es2022",
                     "--outfile=" + str(self.place / "dist/feed.js")]
            done = subprocess.run(list(map(str, build)), capture_output=True, text=True)
            if done.returncode:
                raise Failed(done.stderr)
            (self.place / "node_modules").symlink_to(modules)
            (self.place / "block.mjs").write_text(block.text)
            return ["node", "block.mjs"]
        raise Failed("nobody knows how to run %s" % block.language)

    def ask_journal(self, block: Block) -> None:
        path = self.home / ".local/state/ppo-bridge/journal.sqlite"
        with sqlite3.connect("file:%s?mode=ro" % path, uri=True) as journal:
            for question in block.text.split(";\n"):
                journal.execute(question).fetchall()

    def run(self, block: Block) -> None:
        how = block.how
        if "fresh home" in how:
            self.end()
            shutil.rmtree(self.home)
            self.home.mkdir()
        if block.language == "sql":
            return self.ask_journal(block)
        if "stays until" in how:
            self.end()
            return self.start(self.command(block), how["stays until"])
        program = Program(self.command(block), self.place, self.env)
        try:
            program.wait(how.get("until"))
        finally:
            code = program.process.wait() if "until" not in how else program.end()
        if "until" not in how and code != int(how.get("exit", 0)):
            raise Failed("exit code %d:\n%s" % (code, program.said))


def main() -> int:
    page, failed = sys.argv[1], 0
    to_run = [block for block in blocks(page) if block.language not in ("json", "cmake") and "not run" not in block.how]
    # What is compiled takes longest, and is the same wherever it stands.
    compiled = {block.text for before in pages() if before < page for block in blocks(before) if block.language == "cpp"}
    to_run = [block for block in to_run if block.text not in compiled]
    if not (WEB / "node_modules/ws").exists():  # a build without the dashboard
        to_run = [block for block in to_run if block.language != "js"]
    with tempfile.TemporaryDirectory() as place:
        here = Page(Path(place))
        try:
            if not any("stays until" in block.how for block in to_run):
                here.furnish()
            for block in to_run:
                began = time.monotonic()
                try:
                    here.run(block)
                except (Failed, sqlite3.Error) as why:
                    failed += 1
                    print("%s: %s" % (block, why), flush=True)
                if "-v" in sys.argv:
                    print("%s: %.1f s" % (block, time.monotonic() - began), flush=True)
        finally:
            here.end()
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
