"""What a revision file's text says, and when it does not say it."""

import pytest

from agent_factory.migrate.revisions.graph import Declared, read_declared
from agent_factory.migrate.revisions.graph.declared import _read_plain, _read_syntax

HEAD = 'revision = "002"\ndown_revision = "001"\n'
READ = Declared(id="002", parents=("001",), depends_on=(), labels=(), message="")


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        HEAD.replace('"', "'"),
        '"""  """\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n' + HEAD,
        "# a comment on revision\n" + HEAD + "branch_labels: str | None = None\ndepends_on = None\n",
        'revision: str = "002"  # it\ndown_revision: Union[str, None] = ("001",)\n',
        HEAD + '\n\ndef upgrade():\n    op.execute("""\nrows\n""")\n',
    ],
)
def test_both_readers_agree_on_the_plain_form(text: str) -> None:
    assert _read_plain(text.encode()) == _read_syntax(text.encode()) == READ


@pytest.mark.parametrize(
    ("doc", "message"),
    [
        ("Says revision = 'x'.", "Says revision = 'x'."),
        ("\n    über alles \n\n    und mehr\n", "über alles "),
        ("\ntwo\nlines\n\nRevision ID: 002\n", "two\nlines"),
        ("", ""),
        ("two\n  lines", None),
        ("one\n  \nparagraph", None),
        ("a\ttab", None),
    ],
)
def test_messages_are_known_where_every_python_agrees(doc: str, message: str | None) -> None:
    text = f'"""{doc}"""\n{HEAD}'.encode()

    for found in (_read_plain(text), _read_syntax(text)):
        assert found is not None
        assert found.message == message


def test_a_message_that_is_written_otherwise() -> None:
    found = _read_syntax(f"'one' ' \\'message\\''\n{HEAD}".encode())

    assert found is not None
    assert found.message == "one 'message'"


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "\nrevision = '003'\n",
        HEAD + "\nif 1:\n    depends_on = '001'\n",
        "from common import depends_on\n" + HEAD,
        "from common import *\n" + HEAD,
        "revision = '00' '2'\ndown_revision = '001'\n",
        "revision = '\\x30'\ndown_revision = '001'\n",
        "revision = next_id()\ndown_revision = '001'\n",
        HEAD.replace("\n", "\r\n"),
        "# -*- coding: latin-1 -*-\n" + HEAD,
        "x = '''\n" + HEAD + "'''\n",
        '"""a""" """b"""\n' + HEAD,
        "down_revision = None\n",
    ],
)
def test_other_forms_are_not_the_fast_readers(text: str) -> None:
    assert _read_plain(text.encode()) is None


@pytest.mark.parametrize(
    "text",
    [
        "revision = next_id()\ndown_revision = '001'\n",
        HEAD + "\nif 1:\n    depends_on = '001'\n",
        "from common import *\n" + HEAD,
        HEAD + "globals()['revision'] = '003'\n",
        HEAD + "def __getattr__(name): ...\n",
        "revision = '002'\n",
        "down_revision = '001'\n",
        "revision = 2\ndown_revision = '001'\n",
        HEAD + "\nimport sys\nsys.modules[__name__].revision = '3'\n",
        HEAD + "(\n",
        "__doc__ = 'another'\n" + HEAD,
    ],
)
def test_what_only_running_the_file_could_tell_is_not_known(text: str) -> None:
    assert read_declared(text.encode()) is None
