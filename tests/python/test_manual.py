"""Manual pages and completions say what --help says, and completion knows who is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from ppo_bridge import Publisher

from support import ROOT, Bridge, scratch, wait_until

BIN = Path(os.environ["PPO_BRIDGE_BIN"]).parent
PROGRAMS = [name for name in ("ppo-bridge", "ppo-client", "ppo-bot", "ppo-trainer") if (BIN / name).exists()]
SETUP = """
source /usr/share/bash-completion/bash_completion
source "$1"
shift
compopt() { :; }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
_ppo_client
printf '%s\\n' "${COMPREPLY[@]}"
"""


def output(*command: object, **options) -> str:
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, timeout=60, **options).stdout


class Made(unittest.TestCase):
    def setUp(self) -> None:
        self.place = scratch(self)

    def make(self, kind: str, program: str) -> Path:
        out = self.place / (program + "." + kind)
        more = ["2026-11-27", "1.2.3"] if kind == "man" else []
        output(sys.executable, ROOT / "conf/manual/manual.py", kind, out, BIN / program, *more)
        return out

    def options(self, program: str, *path: str) -> set:
        """All that --help names, of the subcommands too."""
        text = output(BIN / program, *path, "--help")
        found = {name for line in re.findall(r"^  (-\S+)", text, re.M) for name in line.split(",")}
        for sub in re.findall(r"^  (\w+) ", text.partition("\nSubcommands:\n")[2].partition("\n\n")[0], re.M):
            found |= self.options(program, *path, sub)
        return found


class Pages(Made):
    def test_a_page_has_all_options_and_no_warnings(self) -> None:
        for program in PROGRAMS:
            with self.subTest(program):
                page = self.make("man", program).read_text()
                named = set(re.findall(r"\\fB(\S+?)\\fR", page.replace("\\-", "-")))
                self.assertEqual(self.options(program) - named, set())
                for form in re.findall(r"^\.TP\n(.*)$", page, re.M):
                    self.assertEqual(form.count("["), form.count("]"), form)
                self.assertIn(".SH NAME\n" + program.replace("-", "\\-") + " \\- ", page)
                if shutil.which("man"):
                    done = subprocess.run(["man", "--warnings", "-l", self.place / (program + ".man")], capture_output=True,
                                          text=True, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertIn("SEE ALSO", done.stdout)


class Completion(Made):
    def test_every_option_is_known_to_both_shells(self) -> None:
        for program in PROGRAMS:
            for shell in ("bash", "zsh"):
                with self.subTest(program, shell=shell):
                    made = self.make(shell, program)
                    words = {word.partition(":")[0] for word in re.findall(r"'(-[^']*)'", made.read_text())}
                    self.assertEqual(self.options(program) - {w.split(":")[0] for w in words}, set())
                    if shutil.which(shell):
                        output(shell, "-n", made)

    @unittest.skipUnless(Path("/usr/share/bash-completion/bash_completion").exists(), "bash-completion is not installed")
    def test_bash_completes_words_and_who_is_there(self) -> None:
        if "ppo-client" not in PROGRAMS:
            self.skipTest("ppo-client is not built")
        script = self.make("bash", "ppo-client")
        bridge = Bridge()
        self.addCleanup(bridge.close)
        publisher = Publisher(source="trainer-1", endpoint=bridge.events_in, control=bridge.control)
        self.addCleanup(publisher.close)
        publisher.command("pause")(lambda command: None)
        publisher.publish("trade_executed", {"agent_id": "agent:0", "item": "Coal"})
        wait_until(lambda: bridge.source("trainer-1").get("agents"))
        environment = {**os.environ, "PATH": "%s:%s" % (BIN, os.environ["PATH"]), "PPO_BRIDGE_URL": bridge.ws}

        def complete(*words: str) -> list:
            return output("bash", "-c", SETUP, "bash", script, "ppo-client", *words, env=environment).split()

        self.assertEqual(complete("ta"), ["tail"])
        self.assertEqual(complete("alerts", "de"), ["delete"])
        self.assertEqual(complete("series", "--x", ""), ["step", "time", "relative"])
        self.assertEqual(complete("tail", "--since", ""), [])
        self.assertIn("--idempotency-key", complete("command", "pause", "--i"))
        self.assertEqual(complete("command", "pa"), ["pause"])
        self.assertEqual(complete("tail", "trade"), ["trade_executed"])
        self.assertEqual(complete("tail", "--source", ""), ["trainer-1"])
        self.assertEqual(sorted(complete("command", "pause", "--target", "")), ["\\*", "agent:0", "trainer-1"])
        self.assertEqual(complete("command", "pause", "--target", "agent:"), ["0"])
        environment["PPO_BRIDGE_URL"] = "ws://127.0.0.1:1/ws"
        self.assertEqual(complete("tail", "--source", ""), [])
        self.assertEqual(complete("--url", bridge.ws, "tail", "--source", ""), ["trainer-1"])


if __name__ == "__main__":
    unittest.main()
