"""Another implementation of ZeroMQ than libzmq at each of the bridge's sockets: Debian's libjeromq-java, where it is there."""

from __future__ import annotations

import json
import shutil
import subprocess
import unittest
from pathlib import Path

from support import PATIENCE_S, Bridge, die_with_parent, wait_until

JAR = "/usr/share/java/jeromq.jar"


@unittest.skipUnless(shutil.which("java") and Path(JAR).exists(), "needs default-jdk-headless and libjeromq-java")
class JeroMq(unittest.TestCase):
    def setUp(self) -> None:
        self.bridge = Bridge()
        self.addCleanup(self.bridge.close)

    def java(self, *arguments: str) -> subprocess.Popen:
        program = str(Path(__file__).with_name("Foreign.java"))
        started = subprocess.Popen(["java", "-cp", JAR, program, *arguments], stdout=subprocess.PIPE, text=True,
                                   preexec_fn=die_with_parent)
        self.addCleanup(lambda: (started.kill(), started.wait(), started.stdout.close()))
        return started

    def test_a_publisher_a_bot_and_a_trainer(self) -> None:
        bot = self.java("bot", self.bridge.events_out, self.bridge.commands)
        status = json.loads(bot.stdout.readline())
        self.assertEqual((status["status"], status["id"]), ("command_result", 7))
        wait_until(lambda: self.bridge.ask("get_status")["result"]["bots"])
        trainer = self.java("trainer", self.bridge.control, "java")
        publisher = self.java("publisher", self.bridge.events_in, "1000")
        self.bridge.wait_events(1000, "t", "java")
        self.assertEqual([e["data"]["n"] for e in self.bridge.events("t", "java")], list(range(1, 1001)))
        self.assertEqual(publisher.wait(PATIENCE_S), 0)
        self.assertTrue(bot.stdout.readline().startswith("t/java/"))
        self.assertEqual(json.loads(bot.stdout.readline())["type"], "t")
        wait_until(lambda: self.bridge.commands_of("java") == ["pause"])
        self.assertEqual(self.bridge.ask("pause", "java")["result"], {"by": "java"})
        self.assertEqual(trainer.wait(PATIENCE_S), 0)


if __name__ == "__main__":
    unittest.main()
