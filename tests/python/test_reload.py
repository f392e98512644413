"""SIGHUP: the configuration is read anew. What can change does, what cannot is named, what is wrong changes nothing."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from ppo_bridge import Publisher
from support import PATIENCE_S, Bridge, scratch, wait_until

ORIGIN = "https://charts.lab"
HANDSHAKE = (b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")


class Reload(unittest.TestCase):
    def setUp(self) -> None:
        self.home = scratch(self)
        self.file = self.home / "bridge.toml"

    def begin(self, text: str = "", *settings: str) -> Bridge:
        self.file.write_text(text)
        self.bridge = Bridge(*settings, config=self.file)
        self.addCleanup(self.bridge.close)
        return self.bridge

    def reload(self, text: str | None = None) -> str:
        """What is logged of it."""
        if text is not None:
            self.file.write_text(text)
        before = len(self.bridge.log())
        self.bridge.signal(signal.SIGHUP)
        ended = re.compile("read .*bridge.toml anew|the configuration stays")
        return wait_until(lambda: (said := self.bridge.log()[before:]) and ended.search(said) and said)

    def status(self) -> dict:
        return self.bridge.ask("get_status")["result"]

    def page(self, path: str, **headers: str) -> tuple[int, str, dict]:
        base = self.bridge.ws.replace("ws:", "http:").replace("/ws", "")
        request = urllib.request.Request(base + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.read().decode(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(), dict(error.headers)


class Limits(Reload):
    def test_what_can_change_does_and_what_cannot_is_named_and_stays(self) -> None:
        for threads in ("1", "3"):
            with self.subTest(threads=threads):
                self.begin("[websocket]\nthreads = %s\n" % threads)
                self.assertEqual(self.status()["config"], {"file": str(self.file), "reloaded_at": None,
                                                           "reload_error": None, "waiting_for_restart": []})
                self.assertNotIn("Access-Control-Allow-Origin", self.page("/healthz", Origin=ORIGIN)[2])
                said = self.reload('[websocket]\nthreads = 2\nclients_max = 7\norigins = ["%s"]\n[history]\nevents_max = 11\n'
                                   '[log]\nlevel = "debug"\n[bots]\nevents = ""\n' % ORIGIN)
                for line in ("websocket.clients_max is 7 (was 4096)", 'log.level is "debug" (was "info")',
                             'websocket.origins is ["%s"] (was [])' % ORIGIN,
                             "websocket.threads stays %s (2 at the next start)" % threads, "4 values changed, 1 wait"):
                    self.assertIn(line, said)
                # A flag wins over the file, now as at the start.
                self.assertNotIn("bots.events", said)
                status = self.status()
                self.assertEqual(status["config"]["waiting_for_restart"], ["websocket.threads"])
                self.assertIsNotNone(status["config"]["reloaded_at"])
                self.assertEqual((status["clients"]["max"], status["history"]["events_max"]), (7, 11))
                wait_until(lambda: self.page("/healthz", Origin=ORIGIN)[2].get("Access-Control-Allow-Origin") == ORIGIN)
                self.assertIn("0 values changed, 1 wait", self.reload())
                self.bridge.close()

    def test_a_wrong_file_changes_nothing_and_is_said_until_it_is_mended(self) -> None:
        self.begin("[history]\nevents_max = 9\n")
        for text, why in (("[history]\nevents_max = 5\nbytes_max = 0\n",
                           "history.bytes_max is 0; must be an integer 1048576..68719476736 (%s:3)" % self.file),
                          ("[history]\nevents_max = 5\n[log]\nlevl = 1\n", "unknown key log.levl with value 1 (%s:4)" % self.file),
                          ("[history\n", "cannot read %s:1: " % self.file)):
            with self.subTest(text):
                said = self.reload(text)
                self.assertIn("the configuration stays as it was: " + why, said)
                status = self.status()
                self.assertIn(why, status["config"]["reload_error"])
                self.assertIsNone(status["config"]["reloaded_at"])
                self.assertEqual(status["history"]["events_max"], 9)
                code, text, _ = self.page("/readyz")
                self.assertEqual(code, 200)
                self.assertIn("config: " + why, text)
                self.assertIn("\nppo_bridge_config_last_reload_successful 0\n", self.page("/metrics")[1])
        self.file.unlink()
        self.assertIn("cannot read %s" % self.file, self.reload())
        self.assertIn("1 values changed", self.reload("[history]\nevents_max = 5\n"))
        self.assertIsNone(self.status()["config"]["reload_error"])
        self.assertIn("\nppo_bridge_config_last_reload_successful 1\n", self.page("/metrics")[1])

    def test_what_changes_must_fit_to_what_stays(self) -> None:
        self.begin("[events]\nmessage_bytes_max = 4096\nevent_bytes_max = 4096\n")
        said = self.reload("[events]\nmessage_bytes_max = 8192\nevent_bytes_max = 8192\n")
        self.assertIn("events.message_bytes_max is 4096; must be at least events.event_bytes_max, 8192; what cannot change", said)

    def test_what_one_address_may_have_and_begin_changes_for_those_who_come(self) -> None:
        bridge = self.begin("[limits]\nconnections_per_address_max = 2\nhandshakes_per_address_per_s_max = 1000\n")
        place = urllib.parse.urlsplit(bridge.ws)

        def connect() -> str:
            one = socket.create_connection((place.hostname, place.port), PATIENCE_S)
            one.sendall(HANDSHAKE)
            answer = one.recv(4096)[9:12].decode()
            (self.kept.append if answer == "101" else socket.socket.close)(one)
            self.addCleanup(one.close)
            return answer

        def fill() -> int:
            """Until no more are let in; how many there are then."""
            while connect() == "101":
                pass
            return len(self.kept)

        self.kept: list[socket.socket] = []
        self.assertEqual(fill(), 2)
        self.reload("[limits]\nconnections_per_address_max = 4\nhandshakes_per_address_per_s_max = 1000\n")
        wait_until(lambda: fill() == 4)  # those that were turned away have gone by then
        self.reload("[limits]\nconnections_per_address_max = 1\nhandshakes_per_address_per_s_max = 1000\n")
        self.assertEqual(connect(), "429")
        self.kept[3].sendall(b"\x89\x80\x00\x00\x00\x00")  # who is there stays: its ping is answered
        wait_until(lambda: b"\x8a\x00" in self.kept[3].recv(65536))
        self.reload("[limits]\nhandshakes_per_address_per_s_max = 1\n")
        wait_until(lambda: connect() == "429")  # ten seconds' worth

    def test_the_journal_takes_its_new_size_up(self) -> None:
        path = self.home / "journal.sqlite"
        self.begin("", "journal.path=%s" % path)
        base = self.bridge.ws.replace("ws:", "http:").replace("/ws", "/submit_event")
        body = b"\n".join(b'{"type":"t","data":{"n":%d,"text":"%s"}}' % (n, b"x" * 1000) for n in range(4000))
        for _ in range(2):
            urllib.request.urlopen(urllib.request.Request(base, body, {"Content-Type": "application/json"})).close()
        journal = lambda: {line.split()[0]: float(line.split()[1]) for line in self.page("/metrics")[1].splitlines()  # noqa: E731
                           if line.startswith("ppo_bridge_journal_")}
        wait_until(lambda: journal()["ppo_bridge_journal_rows_total"] == 8000)
        self.assertEqual(journal()["ppo_bridge_journal_trimmed_rows_total"], 0)
        self.reload("[journal]\nbytes_max = 1048576\n")
        wait_until(lambda: journal()["ppo_bridge_journal_trimmed_rows_total"] > 5000)


class Load(Reload):
    CLIENTS = 100
    EVENTS_PER_S = 1000
    SECONDS = 2.5

    def test_100_clients_miss_nothing_and_none_is_late_for_it(self) -> None:
        self.begin("")
        where = self.bridge.ws.split("://")[1].split("/")[0].split(":")
        # A history that has much to let go of.
        page = self.bridge.ws.replace("ws:", "http:").replace("/ws", "/submit_event")
        for _ in range(15):
            body = b"\n".join(b'{"type":"old","data":{"agent_id":"a%d"}}' % n for n in range(4000))
            urllib.request.urlopen(urllib.request.Request(page, body, {"Content-Type": "application/json"})).close()
        readers = selectors.DefaultSelector()
        left: dict = {}
        for _ in range(self.CLIENTS):
            client = socket.create_connection((where[0], int(where[1])))
            self.addCleanup(client.close)
            client.sendall(HANDSHAKE)
            text = b'{"action":"register","subscriptions":["n"],"batch":true}'
            client.sendall(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)  # masked with zeros
            wait_until(lambda c=client: b'"registered"' in c.recv(1 << 16), "for the reply")
            client.setblocking(False)
            left[client] = b""
            readers.register(client, selectors.EVENT_READ)
        publisher = Publisher("load", endpoint=self.bridge.events_in, control=self.bridge.control, gather_ms=1)
        self.addCleanup(publisher.close, 0)
        wait_until(lambda: publisher.connected)
        count = int(self.EVENTS_PER_S * self.SECONDS)
        reloads = 6

        def publish() -> None:
            begin = time.monotonic()
            for n in range(count):
                publisher.publish("n", {"n": n})
                if n % 10 == 9:
                    time.sleep(max(begin + n / self.EVENTS_PER_S - time.monotonic(), 0))

        def reload() -> None:
            for n in range(reloads):
                time.sleep(self.SECONDS / 7)
                small = n % 2 == 0
                self.file.write_text('[history]\nevents_max = %d\n[websocket]\nping_interval_s = %d\norigins = ["https://%s.lab"]\n'
                                     % ((5_000, 10, "a") if small else (200_000, 20, "b")))
                self.bridge.signal(signal.SIGHUP)

        threads = [threading.Thread(target=work) for work in (publish, reload)]
        for thread in threads:
            thread.start()
        counts = dict.fromkeys(left, 0)
        until = time.monotonic() + 2 * PATIENCE_S
        while min(counts.values()) < count and time.monotonic() < until:
            for key, _ in readers.select(0.1):
                client = key.fileobj
                data = left[client] + client.recv(1 << 20)
                for n in re.findall(rb'"n":(\d+)}', data):
                    self.assertEqual(int(n), counts[client])
                    counts[client] += 1
                left[client] = data[data.rfind(b"}") + 1:]
        for thread in threads:
            thread.join()
        self.assertEqual(set(counts.values()), {count})
        wait_until(lambda: self.bridge.log().count("anew: ") == reloads)
        self.assertLess(self.status()["history"]["events"], 60_000)
        # What a reload delays is what waits for its turn of the loop. Time on the processor: other programs do not count.
        self.assertLess(self.status()["loop"]["turn_cpu_us_max"], 50_000)


class Files(Reload):
    def certificate(self, name: str) -> str:
        path = str(self.home / name)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                        "/CN=" + name, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path + ".key", "-out", path + ".pem"],
                       check=True, capture_output=True)
        os.chmod(path + ".key", 0o600)
        return path

    def shown(self) -> str:
        host, port = self.bridge.ws.split("://")[1].replace("/ws", "").split(":")
        return ssl.get_server_certificate((host, int(port)))

    def test_a_certificate_by_another_name_is_taken_up_and_one_that_is_missing_is_not(self) -> None:
        one, two = self.certificate("one"), self.certificate("two")
        text = '[tls]\ncertificate = "%s.pem"\nkey = "%s.key"\n'
        self.begin(text % (one, one))
        pem = [Path(path + ".pem").read_text() for path in (one, two)]
        self.assertEqual(self.shown(), pem[0])
        for broken, why in ((text % ("/none/c", one), "tls.certificate: /none/c.pem: No such file"),
                            (text % (two, one), "is not the key of"), (text % (one, "/none/k"), "tls.key: /none/k.key")):
            said = self.reload(broken + "[history]\nevents_max = 3\n")
            self.assertIn("the configuration stays as it was: tls.", said)
            self.assertIn(why, said)
            self.assertIn(why, self.status()["config"]["reload_error"])
            self.assertEqual(self.shown(), pem[0])
            self.assertEqual(self.status()["history"]["events_max"], 200000)
        self.assertIn("2 values changed", self.reload(text % (two, two)))
        self.assertEqual(self.shown(), pem[1])
        # Without TLS it would be another port: that waits.
        said = self.reload("")
        self.assertIn('tls.certificate stays "%s.pem" ("" at the next start)' % two, said)
        self.assertEqual(self.shown(), pem[1])
        # The file that is in use breaks: what else is in the configuration is taken up, and the certificate stays.
        shutil.copy(one + ".key", two + ".key")
        self.assertIn("events_max is 4", self.reload(text % (two, two) + "[history]\nevents_max = 4\n"))
        wait_until(lambda: "is not the key of" in (self.status()["config"]["reload_error"] or ""))
        self.assertEqual(self.shown(), pem[1])

    def test_credentials_by_another_name(self) -> None:
        tokens = []
        for name in ("one", "two"):
            made = subprocess.run([os.environ["PPO_BRIDGE_BIN"], "token", "--credentials", str(self.home / name), "create", "alice",
                                   "--role", "admin"], check=True, capture_output=True, text=True)
            tokens.append({"Authorization": "Bearer " + made.stdout.strip()})
        text = '[auth]\ncredentials = "%s"\nroles = "%s"\n'
        self.file.write_text(text.replace("roles", "# roles") % (self.home / "one", ""))
        self.bridge = Bridge("auth.mode=on", config=self.file)
        self.addCleanup(self.bridge.close)
        codes = lambda: [self.page("/metrics", **token)[0] for token in tokens]  # noqa: E731
        self.assertEqual(codes(), [200, 401])
        self.assertIn("auth.roles: %s is not there" % (self.home / "none"), self.reload(text % (self.home / "two", self.home / "none")))
        self.assertEqual(codes(), [200, 401])
        self.reload(text % (self.home / "two", ""))
        wait_until(lambda: codes() == [401, 200])
        roles = self.home / "roles"
        roles.write_text("[role.x]\n")
        roles.chmod(0o600)
        self.assertIn("auth.roles is", self.reload(text % (self.home / "two", roles)))
        wait_until(lambda: codes() == [401, 200])


if __name__ == "__main__":
    unittest.main()
