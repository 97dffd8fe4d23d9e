"""Whether a connection to PostgreSQL is encrypted, and what its server's certificate is worth.

TLS is asked for as PostgreSQL's protocol has it (its manual, SSLRequest), and the certificate is judged as
libpq would for the same ``sslmode``: but where libpq says only that it has failed, the reason has a name.
"""

import os
import socket
import ssl
import struct
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent_factory.migrate.db.connection_failures import explain_connection_failure
from agent_factory.migrate.db.connection_stages import TIMEOUT_S, Address, examined, failed, open_socket
from agent_factory.migrate.model.diagnosis import Examined, Verdict
from agent_factory.migrate.model.errors import CannotConnectError
from agent_factory.migrate.model.target import Target, on_this_machine
from agent_factory.url import DatabaseURL

TLS = "TLS"

MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_DEFAULT_MODE = "prefer"
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
_SYSTEM = "system"

_IGNORE_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, to which Python gives no name."""

_OUT_OF_TIME = {9: "is not valid yet", 10: "has expired"}
_OF_ANOTHER_NAME = frozenset({62, 64})
_UNTRUSTED = {
    18: "is self-signed, and {distrusted}",
    19: "is signed by an authority of its own, which is {distrusted}",
    20: "is signed by an authority that is {distrusted}",
    21: "is signed by an authority that is {distrusted}",
}
"""Of OpenSSL's X509_V_ERR_..., which it promises not to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A server's certificate: whom it names, until when it holds, and what is wrong with it by itself."""

    names: tuple[str, ...]
    ends: datetime
    faults: tuple[str, ...]

    def __str__(self) -> str:
        named = ", ".join(self.names[:3]) or "nobody"
        wrong = "".join(f", {fault}" for fault in self.faults)
        return f"for {named}, until {self.ends:%Y-%m-%d}{wrong}"


class _NoTlsError(Exception):
    """What answered did not agree to TLS; ``answer`` is what it said instead."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(answer)
        self.answer = answer


def sslmode_of(url: DatabaseURL) -> str:
    """Return the ``sslmode`` that libpq takes: the URL's, the environment's, or its own."""
    given = url.option("sslmode") or os.environ.get("PGSSLMODE")
    return given or ("verify-full" if _root_certificate(url) == _SYSTEM else _DEFAULT_MODE)


def examine_tls(target: Target, address: Address) -> Examined:
    """Return whether TLS can be had at this address, and whether its certificate is what sslmode asks for."""
    url = target.url
    mode = sslmode_of(url)
    if mode not in MODES:
        said = f"there is no sslmode={mode}, only {', '.join(MODES)}"
        steps = ("correct it in DATABASE_URL, or in PGSSLMODE",)
        return failed(TLS, CannotConnectError("tls", said, next_steps=steps), target)
    if address.family == socket.AF_UNIX:
        return examined(TLS, Verdict.OK, "none is needed: a local socket")
    if mode == "disable":
        return _unencrypted(url, "sslmode=disable")
    root = _root_certificate(url)
    is_checked = mode.startswith("verify-") or (mode == "require" and root is not None)
    if is_checked and root != _SYSTEM and (root is None or not Path(root).is_file()):
        return failed(TLS, _no_root(mode, root), target)
    try:
        version, certificate = _look_at(url, address)
    except _NoTlsError as error:
        return _without_tls(target, mode, error.answer)
    except (OSError, ValueError) as error:
        said = f"SSL error: {getattr(error, 'reason', None) or error}"
        return failed(TLS, explain_connection_failure(OSError(said), target), target)
    if not is_checked:
        said = f"{version}; the certificate is not checked (sslmode={mode})"
        if certificate is None:
            return examined(TLS, Verdict.OK, said)
        verdict = Verdict.NOTE if certificate.faults else Verdict.OK
        return examined(TLS, verdict, f"{said}: it is {certificate}")
    try:
        _verify(url, address, root, with_name=mode == "verify-full")
    except ssl.SSLCertVerificationError as error:
        return failed(TLS, _explain(error, url, root, certificate), target)
    except (OSError, ValueError, _NoTlsError) as error:
        said = f"SSL error: {getattr(error, 'reason', None) or error}"
        return failed(TLS, explain_connection_failure(OSError(said), target), target)
    return examined(
        TLS, Verdict.OK, f"{version}; the certificate holds (sslmode={mode}): it is {certificate}"
    )


def _unencrypted(url: DatabaseURL, why: str) -> Examined:
    verdict = Verdict.OK if on_this_machine(url) else Verdict.NOTE
    return examined(TLS, verdict, f"nothing is encrypted: {why}")


def _without_tls(target: Target, mode: str, answer: bytes) -> Examined:
    where = f"{target.url.host}, port {target.url.port or 5432}"
    if answer == b"E":
        return examined(TLS, Verdict.NOT_TRIED, "the server answers with an error before TLS")
    if answer == b"N":
        if mode in ("allow", "prefer"):
            return _unencrypted(target.url, f"the server offers no TLS, and sslmode={mode} goes on without")
        error = explain_connection_failure(OSError("server does not support SSL"), target)
        return failed(TLS, error, target)
    if not answer:
        said = f"what takes connections at {where} closes them, or says nothing"
        steps = ("is the server behind it up? A proxy, a tunnel or a load balancer may answer in its place",)
        return failed(TLS, CannotConnectError("no-answer", said, next_steps=steps), target)
    said = f"what answers at {where} is not PostgreSQL: it begins with {answer.decode('latin-1')!r}"
    steps = ("check the port in DATABASE_URL: PostgreSQL's is 5432",)
    return failed(TLS, CannotConnectError("not-postgresql", said, next_steps=steps), target)


def _look_at(url: DatabaseURL, address: Address) -> tuple[str, Certificate | None]:
    """Return the version of TLS and the server's certificate, whatever that is worth.

    The certificate is None where OpenSSL takes it for none that a server may have.
    """
    with _encrypted(_context(), url, address) as unchecked:
        version = unchecked.version() or "TLS"
        der = unchecked.getpeercert(binary_form=True)
    if not der:
        return version, None
    try:
        facts = _facts_of(der, url, address, with_name=False)
    except ssl.SSLCertVerificationError:
        return version, None
    faults = []
    if facts["subject"] == facts["issuer"]:
        faults.append("self-signed")
    ends = ssl.cert_time_to_seconds(facts["notAfter"])
    if ends < time.time():
        faults.append("expired")
    try:
        _facts_of(der, url, address, with_name=True)
    except ssl.SSLCertVerificationError:
        faults.append(f"not for {url.host}")
    return version, Certificate(
        names=_names_of(facts), ends=datetime.fromtimestamp(ends, UTC), faults=tuple(faults)
    )


def _facts_of(der: bytes, url: DatabaseURL, address: Address, *, with_name: bool) -> dict[str, Any]:
    """Return what the certificate says; it is trusted for that, at any time.

    Raises SSLCertVerificationError where it is not for the host, if that is asked.
    """
    context = _context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = with_name
    context.verify_flags = ssl.VerifyFlags(ssl.VERIFY_X509_PARTIAL_CHAIN | _IGNORE_TIME)
    context.load_verify_locations(cadata=der)
    with _encrypted(context, url, address) as trusted:
        return dict(trusted.getpeercert() or {})


def _verify(url: DatabaseURL, address: Address, root: str | None, *, with_name: bool) -> None:
    """Raise SSLCertVerificationError for a certificate that libpq would refuse."""
    context = _context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = with_name
    if root == _SYSTEM:
        context.load_default_certs()
    else:
        context.load_verify_locations(cafile=root)
    _encrypted(context, url, address).close()


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _encrypted(context: ssl.SSLContext, url: DatabaseURL, address: Address) -> ssl.SSLSocket:
    """Return a socket on which TLS was agreed. Raises _NoTlsError, ssl.SSLError and OSError."""
    opened = open_socket(address)
    try:
        if url.option("sslnegotiation") == "direct":
            context.set_alpn_protocols(["postgresql"])
        else:
            _ask_for_tls(opened)
        opened.settimeout(TIMEOUT_S)
        return context.wrap_socket(opened, server_hostname=url.host)
    except BaseException:
        opened.close()
        raise


def _ask_for_tls(opened: socket.socket) -> None:
    """Send what PostgreSQL's protocol begins with. Raises _NoTlsError for each answer but yes."""
    opened.sendall(_SSL_REQUEST)
    try:
        answer = opened.recv(1)
    except (TimeoutError, ConnectionError):
        answer = b""
    if answer != b"S":
        raise _NoTlsError(answer)


def _names_of(facts: dict[str, Any]) -> tuple[str, ...]:
    names = [name for _kind, name in facts.get("subjectAltName", ())]
    common = [value for part in facts.get("subject", ()) for key, value in part if key == "commonName"]
    return tuple(dict.fromkeys(names or common))


def _root_certificate(url: DatabaseURL) -> str | None:
    """Return the file that libpq trusts, or ``system``; None where it has none, and checks nothing."""
    given = url.option("sslrootcert") or os.environ.get("PGSSLROOTCERT")
    if given:
        return given
    usual = Path("~/.postgresql/root.crt").expanduser()
    return str(usual) if usual.is_file() else None


def _no_root(mode: str, root: str | None) -> CannotConnectError:
    where = root or "~/.postgresql/root.crt"
    return CannotConnectError(
        "no-root-certificate",
        f"sslmode={mode} checks the server's certificate, and the file to do it with, {where}, is not there",
        next_steps=(
            "download the provider's root certificate, and name it: ?sslrootcert=FILE",
            "or trust what this machine trusts: ?sslrootcert=system (libpq 16 and later)",
        ),
    )


def _explain(
    error: ssl.SSLCertVerificationError, url: DatabaseURL, root: str | None, certificate: Certificate | None
) -> CannotConnectError:
    number = error.verify_code
    shown = f"; it is {certificate}" if certificate else ""
    if number in _OUT_OF_TIME:
        return CannotConnectError(
            "certificate-expired",
            f"the server's certificate {_OUT_OF_TIME[number]}{shown}",
            next_steps=("have the server's certificate renewed", "is this machine's clock right? date -u"),
        )
    if number in _OF_ANOTHER_NAME:
        return CannotConnectError(
            "certificate-other-name",
            f"the server's certificate is not for {url.host}{shown}",
            next_steps=(
                "take one of its names for the host in DATABASE_URL",
                "or check only who has signed it: ?sslmode=verify-ca",
            ),
        )
    if number in _UNTRUSTED:
        distrusted = "not trusted by this machine" if root == _SYSTEM else f"not in {root}"
        return CannotConnectError(
            "certificate-untrusted",
            f"the server's certificate {_UNTRUSTED[number].format(distrusted=distrusted)}{shown}",
            next_steps=(
                "name the certificate that it is signed with, or itself where it is self-signed: "
                "?sslrootcert=FILE",
                "or encrypt without checking who answers: ?sslmode=require, without sslrootcert",
            ),
        )
    return CannotConnectError(
        "tls",
        f"the server's certificate is refused: {error.verify_message}{shown}",
        next_steps=("check sslmode and sslrootcert in DATABASE_URL",),
    )
