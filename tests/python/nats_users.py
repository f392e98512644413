"""An operator of NATS, an account and its users, as `nsc` would make them: JWTs with keys of their own."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from pathlib import Path

_PREFIXES = {"operator": 14 << 3, "account": 0, "user": 20 << 3}
_SEED = 18 << 3


def _text(raw: bytes) -> str:
    crc = 0
    for byte in raw:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return base64.b32encode(raw + crc.to_bytes(2, "little")).decode().rstrip("=")


def _part(value: bytes | dict) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Key:
    """An Ed25519 key, which signs what others are."""

    def __init__(self, home: Path, name: str, kind: str) -> None:
        self.kind = kind
        self._file = home / (name + ".pem")
        self._openssl("genpkey", "-algorithm", "ed25519", "-out", str(self._file))
        secret = self._openssl("pkey", "-in", str(self._file), "-outform", "DER")[-32:]
        public = self._openssl("pkey", "-in", str(self._file), "-pubout", "-outform", "DER")[-32:]
        prefix = _PREFIXES[kind]
        self.public = _text(bytes([prefix]) + public)
        self.seed = _text(bytes([_SEED | prefix >> 5, (prefix & 31) << 3]) + secret)

    def _openssl(self, *arguments: str) -> bytes:
        return subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=20).stdout

    def jwt(self, of: Key, claims: dict) -> str:
        body = {"jti": of.public, "iat": int(time.time()), "iss": self.public, "name": of.kind, "sub": of.public,
                "nats": {**claims, "type": of.kind, "version": 2}}
        signed = _part({"typ": "JWT", "alg": "ed25519-nkey"}) + "." + _part(body)
        text = self._file.with_suffix(".text")
        text.write_text(signed)
        return signed + "." + _part(self._openssl("pkeyutl", "-sign", "-rawin", "-inkey", str(self._file), "-in", str(text)))


class Users:
    """`lines` are for the server's configuration."""

    def __init__(self, home: Path) -> None:
        self._home = home
        operator, self._account = Key(home, "operator", "operator"), Key(home, "account", "account")
        system = Key(home, "system", "account")
        unbounded = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn", "leaf", "mem_storage", "disk_storage",
                                   "streams", "consumer"), -1)
        without = {**unbounded, "mem_storage": 0, "disk_storage": 0, "streams": 0, "consumer": 0}
        accounts = ["%s: %s" % (key.public, operator.jwt(key, {"limits": {**limits, "wildcards": True}}))
                    for key, limits in ((self._account, unbounded), (system, without))]
        self.lines = ["operator: " + operator.jwt(operator, {}), "system_account: " + system.public, "resolver: MEMORY",
                      "resolver_preload: { %s }" % ", ".join(accounts)]

    def credentials(self, name: str, publish: list[str]) -> Path:
        """The file of a user who may publish there, and read everything."""
        user = Key(self._home, name, "user")
        jwt = self._account.jwt(user, {"pub": {"allow": publish}, "sub": {}, "subs": -1, "data": -1, "payload": -1})
        path = self._home / (name + ".creds")
        path.write_text("-----BEGIN NATS USER JWT-----\n%s\n------END NATS USER JWT------\n\n"
                        "-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n" % (jwt, user.seed))
        return path
