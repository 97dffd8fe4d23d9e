"""A row of production's that the server quotes in an error reaches no log, no JSON and no journal."""

import psycopg2
import pytest

from tests.commands import CommandLine
from tests.projects import AlembicProject
from tests.terminal import run_on_terminal

CANARY = "jane.c4nary@corp.example"
TABLE = f"""
CREATE TABLE people (id int, email text, again text, doc text, span int4range);
INSERT INTO people VALUES
    (1, '{CANARY}', '{CANARY}', '{{"a": c4nary}}', '[1,4)'),
    (2, '{CANARY}', NULL, 'x', '[2,5)');
CREATE TABLE known (email text PRIMARY KEY);
CREATE TYPE mood AS ENUM ('ok');
CREATE TABLE parts (email text) PARTITION BY LIST (email);
CREATE FUNCTION said() RETURNS void LANGUAGE plpgsql AS $$
    DECLARE row record; BEGIN SELECT * INTO row FROM people LIMIT 1;
    RAISE EXCEPTION 'no tenant for %', row.email USING DETAIL = row::text, HINT = row.email; END $$;
CREATE FUNCTION sent() RETURNS void LANGUAGE plpgsql AS $$
    DECLARE row record; BEGIN SELECT * INTO row FROM people LIMIT 1;
    EXECUTE format('INSERT INTO people(id) VALUES (%L)', row.email); END $$;
"""

FAILING = {
    "unique": "op.execute('ALTER TABLE people ADD UNIQUE (email)')",
    "unique, of an expression": "op.execute('CREATE UNIQUE INDEX ON people (lower(email), (length(email)))')",
    "not null": "op.execute('ALTER TABLE people ALTER again SET NOT NULL')",
    "not null, of a row": "op.execute('INSERT INTO known SELECT again FROM people')",
    "check": "op.execute('ALTER TABLE people ADD CHECK (id > 9)')",
    "check, of a row": (
        "op.execute('ALTER TABLE people ADD CHECK (id > 9) NOT VALID')\n"
        "op.execute('UPDATE people SET id = 3')"
    ),
    "foreign key": "op.execute('ALTER TABLE people ADD FOREIGN KEY (email) REFERENCES known')",
    "exclusion": "op.execute('ALTER TABLE people ADD EXCLUDE USING gist (span WITH &&)')",
    "a number": "op.execute('ALTER TABLE people ALTER email TYPE int USING email::int')",
    "an enum": "op.execute('ALTER TABLE people ALTER email TYPE mood USING email::mood')",
    "a date": "op.execute('ALTER TABLE people ALTER email TYPE date USING email::date')",
    "JSON": "op.execute('ALTER TABLE people ALTER doc TYPE jsonb USING doc::jsonb')",
    "an array": "op.execute('ALTER TABLE people ALTER email TYPE text[] USING email::text[]')",
    "a uuid": "op.execute('ALTER TABLE people ALTER email TYPE uuid USING email::uuid')",
    "a partition": "op.execute('INSERT INTO parts SELECT email FROM people')",
    "of several lines, a number": "op.execute('SELECT (chr(34) || id || chr(10) || email)::int FROM people')",
    "of several lines, an enum": "op.execute('SELECT (chr(10) || email || chr(10))::mood FROM people')",
    "of several lines, unique": (
        "op.execute('UPDATE people SET email = chr(10) || email')\n"
        "op.execute('ALTER TABLE people ADD UNIQUE (email)')"
    ),
    "words to search for": "op.execute('''SELECT (email || ' &')::tsquery FROM people''')",
    "a text to search in": "op.execute('''SELECT (chr(39) || email)::tsvector FROM people''')",
    "RAISE": "op.execute('SELECT said()')",
    "RAISE in a block": "op.execute(\"DO $$ BEGIN RAISE '%', (SELECT email FROM people LIMIT 1); END $$\")",
    "a function's statement": "op.execute('SELECT sent()')",
    "parameters": (
        "op.get_bind().execute(sa.text('INSERT INTO people(id) VALUES (:e)'), "
        "{'e': op.get_bind().scalar(sa.text('SELECT email FROM people LIMIT 1'))})"
    ),
    "a text of SQL": (
        "email = op.get_bind().scalar(sa.text('SELECT email FROM people LIMIT 1'))\n"
        "op.get_bind().connection.cursor().execute(f\"SELECT id + '{email}'::text FROM people\")"
    ),
    "COPY": (
        "import io\n"
        "email = op.get_bind().scalar(sa.text('SELECT email FROM people LIMIT 1'))\n"
        "file = io.StringIO(email + '\\n')\n"
        "op.get_bind().connection.cursor().copy_expert('COPY people(id) FROM STDIN', file)"
    ),
}
AROUND = {
    "as it is": "{}",
    "in another exception": (
        "try:\n{}\nexcept Exception as e:\n    raise RuntimeError(f'it failed: {{e}}') from e"
    ),
    "printed": (
        "import logging, traceback, warnings\ntry:\n{}\nexcept Exception as e:\n    print(e)\n"
        "    logging.getLogger('a').exception('failed')\n    traceback.print_exc()\n    raise"
    ),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("failing", FAILING)
def test_no_value_of_a_row_leaves(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, failing: str, around: str
) -> None:
    with psycopg2.connect(postgresql_url) as connection, connection.cursor() as cursor:
        cursor.execute(TABLE)
    body = FAILING[failing]
    inner = body if around == "as it is" else "\n".join(f"    {line}" for line in body.splitlines())
    project.add("002", "001", AROUND[around].format(inner), name="002_step_002.py")

    text = af_db("prod", "upgrade", "--yes", "--show-values", cwd=project.root, url=postgresql_url)
    document = af_db(
        *("prod", "upgrade", "--yes", "--json", "--progress", "json"), cwd=project.root, url=postgresql_url
    )

    assert (text.code, document.code) == (7, 7)
    with psycopg2.connect(postgresql_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(j::text, ' ') FROM af_db.journal j")
        ((kept,),) = cursor.fetchall()
    for said in (text.err, text.out, document.out, document.err, kept):
        assert "c4nary" not in said, said
        assert "\ufdd0" not in said
    assert "002" in text.err


def test_a_terminal_shows_values_where_it_is_asked_to(project: AlembicProject, postgresql_url: str) -> None:
    with psycopg2.connect(postgresql_url) as connection, connection.cursor() as cursor:
        cursor.execute(TABLE)
    project.add("002", "001", FAILING["unique"], name="002_step_002.py")
    for given, is_shown in (((), False), (("--show-values",), True)):
        outcome = run_on_terminal(
            *("prod", "upgrade", "--yes", *given), cwd=project.root, url=postgresql_url, columns=200
        )

        assert outcome.code == 7
        assert (CANARY in outcome.out) is is_shown, outcome.out
        assert "Key (email)=(" in outcome.out
        assert "\ufdd0" not in outcome.out
