"""Revisions that are made up: each a list of steps, as Python that an ``upgrade()`` runs.

A step that writes leaves an effect with a number of its own: a row of ``effects`` or a table. The revision
notes into a file what it has done, and what it has undone by a savepoint or by a ROLLBACK of its own.
"""

from dataclasses import dataclass

from hypothesis import strategies as st

SETUP = (
    "CREATE TABLE effects (n int)",
    "CREATE TABLE taken (n int PRIMARY KEY)",
    "INSERT INTO taken VALUES (1)",
    "CREATE TABLE twice AS SELECT 1 AS n FROM generate_series(1, 2)",
    "CREATE PROCEDURE commits_and_dies(k int) LANGUAGE plpgsql AS $$BEGIN INSERT INTO effects VALUES (k);"
    " COMMIT; PERFORM pg_terminate_backend(pg_backend_pid()); END$$",
    "CREATE FUNCTION writes(k int) RETURNS int LANGUAGE sql AS 'INSERT INTO effects VALUES (k) RETURNING n'",
    "CREATE FUNCTION reads(k int) RETURNS int LANGUAGE sql AS 'SELECT k'",
    "CREATE PROCEDURE commits(k int) LANGUAGE plpgsql AS"
    " $$BEGIN INSERT INTO effects VALUES (k); COMMIT; END$$",
    "CREATE PROCEDURE commits_and_fails(k int) LANGUAGE plpgsql AS"
    " $$BEGIN INSERT INTO effects VALUES (k); COMMIT; PERFORM 1/0; END$$",
    "CREATE PROCEDURE fails(k int) LANGUAGE plpgsql AS"
    " $$BEGIN INSERT INTO effects VALUES (k); PERFORM 1/0; COMMIT; END$$",
)

PREAMBLE = """
import io, pathlib
import psycopg2.extras
from sqlalchemy.orm import Session

def note(*words):
    with pathlib.Path(__file__).with_name("done.txt").open("a") as file:
        print(*words, file=file)

def bind():
    return op.get_bind()

def raw():
    return bind().connection.dbapi_connection

def with_cursor(sql):
    with raw().cursor() as cursor:
        cursor.execute(sql)

def with_dictionaries(sql):
    with raw().cursor(cursor_factory=psycopg2.extras.DictCursor) as cursor:
        cursor.execute(sql)

def with_session(sql):
    with Session(bind=bind(), join_transaction_mode="create_savepoint") as session:
        session.execute(sa.text(sql.replace(":", r"\\:")))
        session.commit()

def with_many(sql):
    with raw().cursor() as cursor:
        cursor.executemany(sql.replace("%", "%%") + " -- %s", [(1,)])

def with_copy(number):
    with raw().cursor() as cursor:
        cursor.copy_expert("COPY effects FROM STDIN", io.StringIO(f"{number}\\n"))

def with_bare(sql):
    psycopg2.extensions.cursor(raw()).execute(sql)

def with_parameter(sql):
    with raw().cursor() as cursor:
        cursor.execute("%s", [psycopg2.extensions.AsIs(sql)])

def with_call(name, number):
    with raw().cursor() as cursor:
        cursor.callproc(name, [number])

def driver_sql(sql):
    bind().exec_driver_sql(sql)
"""

DOORS = ("op.execute", "driver_sql", "with_cursor", "with_dictionaries", "with_session", "with_many")
UNSEEN = ("with_bare", "with_parameter")
"""Doors by which af-db sees no text: what comes by them is found by the mark alone."""
NO_SESSION = tuple(door for door in DOORS if door != "with_session")
NOISE = (
    r"SELECT E'don\\'t stop; commit to it'",
    "SELECT $$; COMMIT; $$",
    'SELECT 1 AS "a;rollback"',
    "/* a /* b */ ; commit */ SELECT 1",
    "SELECT 1 -- ; ROLLBACK",
    "SELECT 'the end'",
    "SET application_name = 'x; COMMIT'",
    "SHOW search_path",
    "EXPLAIN SELECT 1",
    "VALUES (1), (2)",
    "TABLE taken",
    "SELECT reads(1)",
    "DELETE FROM taken WHERE n = 2",
    "RESET ALL",
    "DO $$ BEGIN RESET ALL; END $$",
    "SET CONSTRAINTS ALL IMMEDIATE",
    "SAVEPOINT nobody_returns_to",
    'CREATE TEMPORARY TABLE IF NOT EXISTS "a;commit" (n int)',
    "CREATE OR REPLACE FUNCTION pg_temp.f() RETURNS int BEGIN ATOMIC SELECT 1; END",
)
ENDS = (
    "COMMIT",
    "end work",
    "ROLLBACK",
    "abort",
    "COMMIT; BEGIN",
    "ROLLBACK; BEGIN",
    "COMMIT AND CHAIN",
    "rollback and chain",
    " /* so */ commit",
    "SELECT 1; COMMIT",
    "SELECT 1; ROLLBACK; BEGIN",
    "COMMIT; BEGIN; SELECT 1/0",
    "ROLLBACK; SELECT 1/0",
    "BEGIN",
    "START TRANSACTION; COMMIT; BEGIN",
)
CALLS_THAT_END = (
    "bind().commit()",
    "bind().rollback()",
    "raw().commit()",
    "raw().rollback()",
    "raw().reset()",
    "raw().set_isolation_level(0)",
    "raw().set_client_encoding('LATIN1')",
    "raw().tpc_begin('x')",
)
FAILURES = (
    'op.execute("SELECT 1/0")',
    'with_cursor("SELECT 1/0")',
    'op.execute("INSERT INTO taken VALUES (1)")',
    'raise ValueError("no")',
    'op.execute("SELECT nonsense FROM nowhere")',
    "raise SystemExit(3)",
    'op.execute("SELECT pg_terminate_backend(pg_backend_pid())")',
)


@dataclass(frozen=True)
class Step:
    """Lines of Python; ``{k}`` stands for the number of the effect that it has, where it has one."""

    code: str
    has_effect: bool = False


def _write_forms() -> st.SearchStrategy[Step]:
    sql = st.sampled_from(
        (
            "INSERT INTO effects VALUES ({k})",
            "CREATE TABLE effect_{k} (n int)",
            "WITH added AS (INSERT INTO effects VALUES ({k}) RETURNING n) SELECT * FROM added",
            "SELECT writes({k})",
            "SELECT {k} AS n INTO effect_{k}",
            "EXPLAIN ANALYZE INSERT INTO effects VALUES ({k})",
            "DO $$ BEGIN INSERT INTO effects VALUES ({k}); END $$",
            "INSERT INTO effects SELECT {k} WHERE 'commit; end' <> ''",
            "SELECT 1; INSERT INTO effects VALUES ({k}); SELECT 2",
        )
    )
    through = st.builds(
        lambda door, text: Step(f"{door}({text!r})", has_effect=True), st.sampled_from(DOORS), sql
    )
    others = st.sampled_from(
        (
            Step("with_copy({k})", has_effect=True),
            Step("with_call('writes', {k})", has_effect=True),
            Step("op.bulk_insert(sa.table('effects', sa.column('n')), [{'n': int('{k}')}])", has_effect=True),
            Step("op.create_table('effect_{k}', sa.Column('n', sa.Integer))", has_effect=True),
        )
    )
    return through | others


def _sent(texts: tuple[str, ...], doors: tuple[str, ...]) -> st.SearchStrategy[Step]:
    return st.builds(
        lambda door, text: Step(f"{door}({text!r})"), st.sampled_from(doors), st.sampled_from(texts)
    )


def _swallowing() -> st.SearchStrategy[Step]:
    """A probe by hand, whose failure is caught."""
    return st.sampled_from(
        (
            Step('try:\n    with_cursor("SELECT * FROM maybe")\nexcept Exception:\n    raw().rollback()'),
            Step('try:\n    op.execute("SELECT * FROM maybe")\nexcept Exception:\n    bind().rollback()'),
            Step('try:\n    op.execute("SELECT * FROM maybe")\nexcept Exception:\n    pass'),
            Step(
                'try:\n    with bind().begin_nested():\n        op.execute("SELECT 1/0")\n'
                "except Exception:\n    pass"
            ),
        )
    )


UNDONE = Step(
    "op.execute('SAVEPOINT a')\nop.execute('INSERT INTO effects VALUES ({k})')\n"
    "op.execute('ROLLBACK TO SAVEPOINT a')"
)
PLAIN = st.deferred(
    lambda: st.one_of(
        _write_forms(), _write_forms(), _sent(NOISE, NO_SESSION), st.just(UNDONE), _swallowing()
    )
)
ENDING = st.deferred(
    lambda: st.one_of(
        _sent(ENDS, NO_SESSION + UNSEEN),
        st.sampled_from(CALLS_THAT_END).map(Step),
        st.sampled_from(
            (
                Step("with_cursor('INSERT INTO effects VALUES ({k}); COMMIT; BEGIN')"),
                Step("op.execute('COMMIT; INSERT INTO effects VALUES ({k})')"),
                Step("op.execute('COMMIT; INSERT INTO effects VALUES ({k}); BEGIN')"),
                Step("with_cursor('ROLLBACK; INSERT INTO effects VALUES ({k}); COMMIT; BEGIN')"),
            )
        ),
    )
)
IN_BLOCK = st.deferred(
    lambda: st.one_of(
        _write_forms(),
        _sent(NOISE, NO_SESSION),
        st.sampled_from(FAILURES).map(Step),
        st.sampled_from(
            (
                Step('op.execute("CALL commits({k})")', has_effect=True),
                Step('op.execute("CALL commits_and_fails({k})")'),
                Step('with_cursor("CALL fails({k})")'),
                Step('op.execute("CALL commits_and_dies({k})")'),
                Step("op.execute('BEGIN')\ntry:\n    op.execute('SELECT 1/0')\nexcept Exception:\n    pass"),
                Step(
                    "op.execute('BEGIN')\nwith_cursor('INSERT INTO effects VALUES ({k}); COMMIT; SELECT 1/0')"
                ),
                Step('with_cursor("CREATE UNIQUE INDEX CONCURRENTLY ix_{k} ON twice (n)")'),
                Step('op.execute("CREATE INDEX CONCURRENTLY ix_{k} ON taken (n)")'),
                Step('op.execute("VACUUM taken")'),
                Step(
                    "op.execute('BEGIN')\nwith_cursor('INSERT INTO effects VALUES ({k})')\n"
                    "op.execute('ROLLBACK')"
                ),
                Step(
                    "op.execute('BEGIN')\nop.execute('INSERT INTO effects VALUES ({k})')\n"
                    "op.execute('COMMIT')",
                    has_effect=True,
                ),
                Step("op.execute('BEGIN; INSERT INTO effects VALUES ({k})')\nop.execute('SELECT 1/0')"),
                Step("with_cursor('SELECT 1; COMMIT; INSERT INTO effects VALUES ({k})')", has_effect=True),
                Step("with_cursor('INSERT INTO effects VALUES ({k}); SELECT 1/0')"),
                Step("op.execute('SELECT 1; COMMIT; SELECT 1/0')"),
            )
        ),
    )
)


@st.composite
def programs(draw: st.DrawFn) -> str:
    """The source of a revision's ``upgrade()``."""
    lines: list[str] = []
    number = 0
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(("plain", "plain", "plain", "end", "failure", "block")))
        indent = ""
        if kind == "block":
            lines.append("with op.get_context().autocommit_block():")
            indent = "    "
            steps = draw(st.lists(IN_BLOCK, min_size=1, max_size=3))
        elif kind == "end":
            steps = [draw(ENDING)]
        elif kind == "failure":
            steps = [Step(draw(st.sampled_from(FAILURES)))]
        else:
            steps = [draw(PLAIN)]
        for step in steps:
            number += 1
            code = step.code.replace("{k}", str(number))
            if step.has_effect:
                code += f"\nnote('did', {number})"
            lines += [indent + line for line in code.splitlines()]
    return "\n".join(lines)
