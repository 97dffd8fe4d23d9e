"""What af-db knows of the inside of psycopg2: the test fails by its name when psycopg2 changes it."""

import subprocess
import sys

import psycopg2
import pytest

from agent_factory.migrate.db.psycopg2_internals import connect_in_c, modules_that_connect


def test_import_without_ssl_spares_an_import_of_ssl_and_ssl_is_there_later() -> None:
    code = (
        "import sys\n"
        "from agent_factory.migrate.db.psycopg2_internals import import_without_ssl\n"
        "assert 'psycopg2' not in sys.modules and 'ssl' not in sys.modules, 'imported before the test'\n"
        "psycopg2 = import_without_ssl()\n"
        "assert 'ssl' not in sys.modules, 'import_without_ssl: ssl was imported'\n"
        "assert issubclass(psycopg2.OperationalError, psycopg2.Error)\n"
        "import ssl\n"
        "ssl.create_default_context()\n"
    )
    plain = (
        "import sys, psycopg2\nassert 'ssl' in sys.modules, 'import_without_ssl: psycopg2 imports no ssl'\n"
    )

    for each in (code, plain):
        finished = subprocess.run([sys.executable, "-c", each], capture_output=True, text=True, check=False)
        assert (finished.returncode, finished.stderr) == (0, "")


def test_connect_in_c_is_what_modules_that_connect_call(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, in_c = modules_that_connect()
    assert whole._connect is in_c._connect is connect_in_c()
    asked: list[str] = []
    monkeypatch.setattr(whole, "_connect", lambda dsn, **_options: asked.append(dsn))

    psycopg2.connect(dbname="nowhere")

    assert asked == ["dbname=nowhere"]
