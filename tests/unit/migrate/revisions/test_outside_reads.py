"""What a revision's file reads of the clock, the environment and chance, where that decides what is sent."""

import pytest

from agent_factory.migrate.revisions.outside_reads import OutsideRead, outside_reads

FILE = """
import datetime as dt, os, random, time, uuid
from datetime import datetime
from os import environ, getenv
from alembic import op
import sqlalchemy as sa
{}
"""
DECIDES = {
    "a helper's text": ("def upgrade():\n    run(f'x {uuid.uuid4()}')", "a random value"),
    "a text with a name": ("def upgrade():\n    x = f'x {time.time()}'\n    op.execute(x)", "the clock"),
    "a part of a text": ("def upgrade():\n    op.execute(f'x {time.time()}')", "the clock"),
    "a text added to": ("def upgrade():\n    op.execute('x' + environ['X'])", "the environment"),
    "a text filled in": ("def upgrade():\n    op.execute('x %s' % uuid.uuid4().hex)", "a random value"),
    "format": ("def upgrade():\n    op.execute('x {}'.format(dt.datetime.now()))", "the clock"),
    "a statement": ("def upgrade():\n    op.execute(os.environ['SQL'])", "the environment"),
    "a name": ("def upgrade():\n    op.drop_table(getenv('T'))", "the environment"),
    "a condition": ("def upgrade():\n    if 'X' in os.environ:\n        op.execute('x')", "the environment"),
    "a choice": ("def upgrade():\n    op.execute('x' if datetime.now().year > 1 else 'y')", "the clock"),
    "a loop": (
        "def upgrade():\n    for x in getenv('X').split():\n        op.execute(x)",
        "the environment",
    ),
    "by a name": ("def upgrade():\n    now = datetime.now()\n    op.execute(f'x {now:%Y}')", "the clock"),
    "by two names": (
        "def upgrade():\n    n = random.randint(1, 2)\n    m = n + 1\n    op.execute(f'x {m}')",
        "a random value",
    ),
    "by a function": (
        "def stage():\n    return getenv('X')\ndef upgrade():\n    if stage():\n        op.execute('x')",
        "the environment",
    ),
    "at the top": ("NOW = datetime.now()\ndef upgrade():\n    op.execute(f'x {NOW}')", "the clock"),
}
DOES_NOT = {
    "a message": "def upgrade():\n    print(f'{time.time()}')\n    log.info('at %s' % datetime.now())",
    "an error": "def upgrade():\n    raise RuntimeError(f'at {datetime.now()}')",
    "a text of a row": "def upgrade():\n    session.add(Item(name=f'x{uuid.uuid4()}'))",
    "a parameter": "def upgrade():\n    op.get_bind().execute(sa.text('x'), {'now': datetime.now()})",
    "a value": "def upgrade():\n    op.execute(t.insert().values(at=dt.datetime.now(), id=uuid.uuid4()))",
    "rows": "def upgrade():\n    now = datetime.now()\n    op.bulk_insert(t, [{'at': now} for n in X])",
    "a default": "def upgrade():\n    op.create_table('t', sa.Column('at', default=datetime.utcnow))",
    "the server's": "def upgrade():\n    op.create_table('t', sa.Column('at', server_default=sa.func.now()))",
    "another function": "def downgrade():\n    op.execute(f'x {time.time()}')\ndef upgrade():\n    pass",
    "what is printed": "def upgrade():\n    began = time.time()\n    print(time.time() - began)",
    "another's now": "def upgrade():\n    op.execute(f'x {clock.now()}')",
}


@pytest.mark.parametrize(("code", "what"), list(DECIDES.values()), ids=list(DECIDES))
def test_what_decides_is_found(code: str, what: str) -> None:
    assert {read.what for read in outside_reads(FILE.format(code).encode(), "upgrade")} == {what}


@pytest.mark.parametrize("code", list(DOES_NOT.values()), ids=list(DOES_NOT))
def test_what_does_not_decide_is_none(code: str) -> None:
    assert outside_reads(FILE.format(code).encode(), "upgrade") == ()


def test_it_has_its_line_and_its_code() -> None:
    code = "def upgrade():\n    op.execute(f'x {time.time()}')"

    (read,) = outside_reads(FILE.format(code).encode(), "upgrade")

    assert read == OutsideRead(what="the clock", line=8, code="time.time()")


def test_a_file_that_is_no_python_has_none() -> None:
    assert outside_reads(b"def upgrade(:", "upgrade") == ()
