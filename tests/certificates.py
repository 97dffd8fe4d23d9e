"""Certificates of a test's own, made by ``openssl``, self-signed, for any name and any time."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

OPENSSL = shutil.which("openssl")

_CONFIGURATION = """
[ca]
default_ca = own
[own]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
[any]
commonName = supplied
[req]
distinguished_name = dn
prompt = no
[dn]
CN = {name}
[extensions]
subjectAltName = {alternative}
basicConstraints = CA:TRUE
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


def self_signed(folder: Path, name: str, *, begins: str = "20200101", ends: str = "21200101") -> KeyPair:
    """Make a certificate for this name, or this address, that holds between two days, in this folder."""
    assert OPENSSL is not None
    folder.mkdir(parents=True, exist_ok=True)
    kind = "IP" if name.replace(".", "").isdigit() else "DNS"
    configuration = folder / "openssl.cnf"
    configuration.write_text(_CONFIGURATION.format(folder=folder, name=name, alternative=f"{kind}:{name}"))
    (folder / "index").write_text("")
    (folder / "serial").write_text("01\n")
    pair = KeyPair(certificate=folder / "certificate.pem", key=folder / "key.pem")
    request = folder / "request.pem"
    _run(
        "req",
        "-config",
        configuration,
        "-new",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        pair.key,
        "-out",
        request,
    )
    _run(
        *("ca", "-batch", "-selfsign", "-config", configuration, "-extensions", "extensions"),
        *("-keyfile", pair.key, "-in", request, "-out", pair.certificate, "-notext"),
        *("-startdate", f"{begins}000000Z", "-enddate", f"{ends}000000Z"),
    )
    return pair


def _run(*arguments: object) -> None:
    done = subprocess.run(
        [str(OPENSSL), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
