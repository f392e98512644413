"""conf/nginx.conf in front of the bridge: TLS, a path of its own, WebSocket and events, and whose word counts."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
import subprocess
import time
import unittest
import urllib.error
import urllib.request

import websockets
from http_wire import ask
from support import ROOT, Bridge, free_port, scratch, started, wait_until

NGINX = os.environ.get("PPO_NGINX") or shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


@unittest.skipUnless(NGINX and shutil.which("openssl"), "there is no nginx, or no openssl")
class Nginx(unittest.TestCase):
    def setUp(self) -> None:
        self.place = scratch(self)
        self.bridge = Bridge('websocket.hosts=["ppo.example"]', 'websocket.trusted_proxies=["127.0.0.1"]',
                             "websocket.ping_interval_s=1")
        self.addCleanup(self.bridge.close)
        self.port = free_port()
        certificate, key = self.place / "c.pem", self.place / "k.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        "2", "-subj", "/CN=ppo.example", "-addext", "subjectAltName=DNS:ppo.example,DNS:localhost", "-keyout",
                        str(key), "-out", str(certificate)], check=True, capture_output=True)
        site = (ROOT / "conf" / "nginx.conf").read_text()
        for old, new in (
            ("server 127.0.0.1:5178;", "server %s;" % self.bridge.ws.split("://")[1].split("/")[0]),
            ("listen 443 ssl;", "listen 127.0.0.1:%d ssl;" % self.port),
            ("/etc/ssl/ppo.example.pem", str(certificate)),
            ("/etc/ssl/private/ppo.example.key", str(key)),
        ):
            self.assertEqual(site.count(old), 1, old)
            site = site.replace(old, new)
        temporary = "".join("%s_temp_path %s/%s;\n" % (name, self.place, name)
                            for name in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi"))
        (self.place / "nginx.conf").write_text(
            "daemon off;\nmaster_process off;\npid %s/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n%s%s}\n"
            % (self.place, temporary, site))
        self.log = open(self.place / "log", "w+")
        self.addCleanup(self.log.close)
        started(self, [NGINX, "-e", "stderr", "-p", self.place, "-c", str(self.place / "nginx.conf")], stderr=self.log)
        self.tls = ssl.create_default_context(cafile=str(certificate))
        wait_until(lambda: self.reached(), "for nginx: " + (self.place / "log").read_text())

    def reached(self) -> bool:
        try:
            return self.get("healthz").status == 200
        except (OSError, urllib.error.URLError):
            return False

    @property
    def authority(self) -> str:
        return "localhost:%d" % self.port

    def get(self, path: str, **headers: str):  # noqa: ANN201
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request("https://%s/ppo/%s" % (self.authority, path), headers=named)
        return urllib.request.urlopen(request, context=self.tls, timeout=20)

    def post(self, body: bytes, **headers: str):  # noqa: ANN201
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request("https://%s/ppo/submit_event" % self.authority, data=body, headers=named)
        return urllib.request.urlopen(request, context=self.tls, timeout=20)

    def test_the_page_questions_and_posts_work_under_a_path(self) -> None:
        self.assertIn(b"PPO Bridge", self.get("").read())
        self.assertIn("epoch", json.load(self.get("api/status")))
        self.assertEqual(json.load(self.post(b'{"type":"t","data":{}}'))["accepted"], 1)
        own = "https://" + self.authority
        self.assertEqual(json.load(self.post(b'{"type":"t","data":{}}', Origin=own))["accepted"], 1)
        for foreign in ("https://evil.example", "http://" + self.authority):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                self.post(b'{"type":"t","data":{}}', Origin=foreign)
            self.assertEqual(refused.exception.code, 403)

    def test_websocket_and_events_go_through_as_they_come(self) -> None:
        async def use() -> None:
            url = "wss://%s/ppo/ws" % self.authority
            async with websockets.connect(url, ssl=self.tls, origin="https://" + self.authority) as socket:
                await socket.recv()
                await socket.send('{"action":"register","client_id":"over nginx"}')
                self.assertEqual(json.loads(await socket.recv())["status"], "registered")
                stream = await asyncio.to_thread(self.get, "events?types=tick&client_id=events", X_Forwarded_For="192.0.2.9")
                for n in range(5):
                    began = time.monotonic()
                    await asyncio.to_thread(self.post, b'{"type":"tick","data":{"n":%d}}' % n)
                    self.assertEqual(json.loads(await socket.recv())["data"]["n"], n)
                    while not (line := await asyncio.to_thread(stream.readline)).startswith(b'data: {"type":"tick"'):
                        pass
                    self.assertEqual(json.loads(line[6:])["data"]["n"], n)
                    self.assertLess(time.monotonic() - began, 2)
                clients = self.bridge.ask("get_clients")["result"]["clients"]
                # What nginx hears from its own machine it passes on, and the bridge trusts that.
                self.assertEqual({c["client_id"]: c["remote"] for c in clients},
                                 {"over nginx": "127.0.0.1:0", "events": "192.0.2.9:0"})
                stream.close()
            with self.assertRaises(websockets.InvalidStatusCode) as refused:
                async with websockets.connect(url, ssl=self.tls, origin="https://evil.example"):
                    pass
            self.assertEqual(refused.exception.status_code, 403)

        asyncio.run(use())


class Words(unittest.TestCase):
    """Whose word counts, without nginx."""

    def remote(self, trusted: str, headers: str) -> str:
        bridge = Bridge("websocket.trusted_proxies=" + trusted)
        try:
            reply = ask(bridge.ws, "GET /ws HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                        "Origin: https://evil.example\r\n" + headers + "\r\n")
            self.assertEqual(reply.status, 403)
            log = wait_until(lambda: "refused a WebSocket" in bridge.log() and bridge.log())
            return log.split("refused a WebSocket from ")[1].split(" ")[0].rsplit(":", 1)[0]
        finally:
            bridge.close()

    def test_only_trusted_proxies_are_believed(self) -> None:
        told = "X-Forwarded-For: 203.0.113.1, 192.0.2.7, 10.1.2.3\r\n"
        self.assertEqual(self.remote("[]", told), "127.0.0.1")
        self.assertEqual(self.remote('["10.0.0.0/8"]', told), "127.0.0.1")
        self.assertEqual(self.remote('["127.0.0.1"]', told), "10.1.2.3")
        self.assertEqual(self.remote('["127.0.0.0/8","10.0.0.0/8"]', told), "192.0.2.7")
        self.assertEqual(self.remote('["0.0.0.0/0"]', told), "203.0.113.1")
        self.assertEqual(self.remote('["127.0.0.1"]', "X-Forwarded-For: [2001:db8::1]:99\r\n"), "[2001:db8::1]")
        self.assertEqual(self.remote('["127.0.0.1"]', "X-Forwarded-For: 203.0.113.1, unknown\r\n"), "127.0.0.1")

    def test_what_is_no_network_stops_the_start(self) -> None:
        for wrong in ("10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "localhost", "fd00::/129", ""):
            command = [os.environ["PPO_BRIDGE_BIN"], "--set", 'websocket.trusted_proxies=["%s"]' % wrong, "--check-config"]
            run = subprocess.run(command, capture_output=True, text=True)
            self.assertNotEqual(run.returncode, 0, wrong)
            self.assertIn("websocket.trusted_proxies", run.stderr)


if __name__ == "__main__":
    unittest.main()
