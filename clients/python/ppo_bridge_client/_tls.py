"""TLS as a client speaks it: whom it trusts, and in which words it says that it does not."""

from __future__ import annotations

import os
import ssl

_SIGNER_UNKNOWN = (2, 18, 19, 20, 21)  # X509_V_ERR_*: no issuer that is known
_OTHER_NAME = (62, 64)
_EXPIRED = 10


def tls_context(url: str, ca: str | None) -> ssl.SSLContext | None:
    """Of a wss:// URL; `ca` is a PEM file of the certificates to trust, left out: PPO_CA, else the system's.
    Raises ValueError where it holds none."""
    if not url.lower().startswith("wss://"):
        return None
    ca = ca or os.environ.get("PPO_CA") or None
    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ValueError("ca: cannot read a certificate in PEM from %s: %s" % (ca, error)) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def tls_trouble(url: str, error: BaseException) -> str | None:
    """What is wrong with the bridge's certificate or its TLS, and what helps; None where it is something else."""
    if isinstance(error, ssl.SSLCertVerificationError):
        who = "the certificate of %s" % url
        if error.verify_code in _SIGNER_UNKNOWN:
            return who + (
                " is signed by nobody that is trusted here; give the file of the bridge's certificate,"
                " or of who signed it, as ca= (PPO_CA)"
            )
        if error.verify_code in _OTHER_NAME:
            return who + " is for another name; use an address that it is for (%s)" % error.verify_message
        if error.verify_code == _EXPIRED:
            return who + " is no longer good; the bridge needs a new one (tls.certificate)"
        return who + " is not trusted: %s" % error.verify_message
    if isinstance(error, ssl.SSLError):
        hint = " (is it ws:// there?)" if error.reason == "WRONG_VERSION_NUMBER" else ""
        return "no TLS with %s: %s%s" % (url, error.reason or error, hint)
    return None
