"""What a revision spells itself: literals are masked where a word of the list stands, and nowhere else."""

import io
import textwrap
import time
import tokenize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_factory.migrate.db.spelled_secrets import masked_source, masked_sql

S = "C4nary9Zq"

SENSITIVE = [
    f"ALTER ROLE a PASSWORD '{S}'",
    f"ALTER ROLE a ENCRYPTED PASSWORD '{S}' VALID UNTIL '{S}'",
    f"create user a with login password '{S}'",
    f"ALTER ROLE a PASSWORD'{S}'",
    f'ALTER ROLE a PASSWORD "{S}"',
    f"ALTER ROLE a PASSWORD/**/'{S}'",
    f"ALTER ROLE a PASSWORD --c\n'{S}'",
    f"ALTER ROLE a PASSWORD E'\\'{S}'",
    f"ALTER ROLE a PASSWORD U&'{S}'",
    f"ALTER ROLE a PASSWORD $${S}; 'x'$$",
    f"ALTER ROLE a PASSWORD $x${S} $$ a$x$",
    f"ALTER ROLE a PASSWORD 'x''{S}'",
    f"ALTER ROLE a PASSWORD '{S}",
    f"CREATE USER a IDENTIFIED BY '{S}'",
    f"CREATE USER a IDENTIFIED WITH plugin AS '{S}'",
    f"CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (user 'u', password '{S}')",
    f"CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (\"password\" '{S}')",
    f"ALTER USER MAPPING FOR a SERVER s OPTIONS (SET password '{S}')",
    f"CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (key '{S}', api_key '{S}')",
    f"CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (\"token\" '{S}', aws_secret_access_key '{S}')",
    f"CREATE SUBSCRIPTION s CONNECTION 'host=h password={S} dbname=d' PUBLICATION p",
    f"CREATE SUBSCRIPTION s CONNECTION $$host=h user=u passfile={S}$$ PUBLICATION p",
    f"ALTER SUBSCRIPTION s CONNECTION '{S}'",
    f"SELECT dblink_connect('host=h password={S}')",
    f"SELECT dblink('host=h password=''{S} x'' dbname=d', 'SELECT 1')",
    f"UPDATE users SET password = '{S}'",
    f"UPDATE users SET \"password\"='{S}' WHERE id = 1",
    f"UPDATE users SET hashed_password = crypt('{S}', gen_salt('bf'))",
    f"UPDATE users SET (email, password) = ('a', '{S}')",
    f"UPDATE users SET token = '{S}', passwd = '{S}', pwd='{S}'",
    f"UPDATE s SET auth_token = ('{S}')",
    f"SELECT * FROM users WHERE api_token = '{S}'",
    f"INSERT INTO users(password) VALUES ('{S}')",
    f"INSERT INTO public.users AS u (id, \"secret\") VALUES (1, '{S}')",
    f"insert into users (email, hashed_password) select 'a', '{S}'",
    f"MERGE INTO u USING v ON true WHEN NOT MATCHED THEN INSERT (password) VALUES ('{S}')",
    f"SELECT format('alter role x password %L', '{S}')",
    f"DO $$ BEGIN EXECUTE 'ALTER ROLE a PASSWORD ''{S}'''; END $$",
    f"DO $$ BEGIN EXECUTE format('ALTER ROLE a PASSWORD %L', '{S}'); END $$",
    f"DO $$ BEGIN EXECUTE 'ALTER ROLE a PASSWORD ' || quote_literal('{S}'); END $$",
    f"DO $$ DECLARE password text := '{S}'; BEGIN PERFORM f(password); END $$",
    f"CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $f$ SELECT secret FROM t WHERE secret = '{S}' $f$",
    f"SELECT jsonb_build_object('password', '{S}')",
    f'INSERT INTO settings VALUES (\'{{"smtp": {{"password": "{S}"}}}}\')',
    f"INSERT INTO settings VALUES ('smtp:\n  password: {S}')",
    f"SELECT f(password => '{S}')",
    f"SELECT set_config('app.secret', '{S}', false)",
    f"SET app.token TO '{S}'",
    f"SET app.password = '{S}'",
    f"SELECT 1 /* was: PASSWORD '{S}' */",
    f"SELECT 1 -- password={S}",
]

PLAIN = [
    "CREATE TABLE users (id int, hashed_password text NOT NULL, tokens int DEFAULT '5', k text)",
    "CREATE TABLE users (password text DEFAULT '', token text CHECK (token <> 'x'), secret text)",
    "ALTER TABLE users ADD COLUMN password text DEFAULT 'x' NOT NULL",
    "ALTER TABLE users ALTER COLUMN token SET DEFAULT 'none'",
    "COMMENT ON COLUMN users.password IS 'the hash of it'",
    "CREATE INDEX i ON users (token) WHERE kind = 'x'",
    "CREATE UNIQUE INDEX i ON users (token) WHERE token = 'x'",
    "CREATE TYPE auth AS ENUM ('password', 'token', 'sso')",
    "INSERT INTO users (email, tokens) VALUES ('a', '5')",
    "INSERT INTO kinds (name) VALUES ('password'), ('secret')",
    "UPDATE users SET kind = 'x' WHERE tokens = '5'",
    "ALTER TABLE t ADD PRIMARY KEY (id)",
    "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES b (c); UPDATE t SET a = 'x'",
    "UPDATE a SET b = 'x' FROM c WHERE a.token = c.token",
    "SELECT 'a password is asked for'",
    "CREATE TABLE connections (key text DEFAULT 'x', token \"Mood\")",
]


@pytest.mark.parametrize("sql", SENSITIVE)
def test_a_statement_with_a_word_of_the_list_shows_no_literal(sql: str) -> None:
    masked = masked_sql(sql)

    assert "C4nary" not in masked
    assert "***" in masked
    assert masked_sql(masked) == masked


@pytest.mark.parametrize("sql", PLAIN)
def test_the_name_of_a_column_masks_nothing(sql: str) -> None:
    assert masked_sql(sql) == sql


def test_what_is_no_literal_stays() -> None:
    assert masked_sql("ALTER ROLE \"a b\" PASSWORD 'x' CONNECTION LIMIT 5") == (
        "ALTER ROLE \"a b\" PASSWORD '***' CONNECTION LIMIT 5"
    )
    assert masked_sql("DO $$ BEGIN EXECUTE 'ALTER ROLE a PASSWORD ''b'''; PERFORM f(1); END $$") == (
        "DO $$ BEGIN EXECUTE '***'; PERFORM f(1); END $$"
    )


QUOTES = ["'{}'", '"{}"', "'''{}'''", '"""{}"""', "f'{}'", "r'{}'", 'rb"{}"']
LINES = [
    "password = {q}",
    "PASSWORD = {q}",
    "db_password: str = {q}",
    "user.password = {q}",
    "connect(password={q})",
    "connect(host='h', db_token={q})",
    "rows = [{{'password': {q}}}, {{'id': 1}}]",
    'rows = [{{"email": "a", "hashed_password": {q}}}]',
    "os.environ['PGPASSWORD'] = {q}",
    "x = os.environ.get('SECRET', {q})",
    "x = os.getenv('API_TOKEN', {q})",
    "op.bulk_insert(users, [\n    {{\n        'secret': {q},\n    }},\n])",
    "op.execute(sa.text('insert into users(password) values (:p)').bindparams(p={q}))",
    "op.execute('ALTER ROLE a PASSWORD %s' % repr({q}))",
    "op.execute(\"ALTER ROLE a PASSWORD '{{}}'\".format({q}))",
    'op.execute("ALTER ROLE a PASSWORD \'" + {q} + "\'")',
    'op.execute(\n    "ALTER ROLE a PASSWORD "\n    {q}\n)',
    "op.execute(users.update().values(password={q}))",
    "if (token := {q}):\n    pass",
]
STATEMENTS = [
    pytest.param(line.format(q=quote.format(S)), id=f"{line} {quote}")
    for line in LINES
    for quote in QUOTES
    if not (quote.startswith("rb") and "{q}\n)" in line)
]


@pytest.mark.parametrize("line", STATEMENTS)
def test_a_line_of_python_with_a_word_of_the_list_shows_no_string(line: str) -> None:
    source = f"import os\n\n\ndef upgrade():\n{textwrap.indent(line, '    ')}\n    kept = 'as it is'\n"

    masked = masked_source(source)

    assert "C4nary" not in masked
    assert "kept = 'as it is'" in masked
    assert masked.count("\n") == source.count("\n")


@pytest.mark.parametrize("sql", SENSITIVE)
@pytest.mark.parametrize(
    "quoted", [repr, lambda sql: f'"""{sql}"""', lambda sql: f'f"""\n    {sql}\n    """']
)
def test_a_statement_in_a_string_shows_no_literal(sql: str, quoted: object) -> None:
    assert callable(quoted)
    source = f"def upgrade():\n    op.execute({quoted(sql)})\n"

    masked = masked_source(source)

    assert "C4nary" not in masked
    assert masked.count("\n") == source.count("\n")


@pytest.mark.parametrize("sql", PLAIN)
def test_a_statement_in_a_string_that_has_no_secret_stays(sql: str) -> None:
    source = f"op.execute({sql!r})\n"

    assert masked_source(source) == source


@pytest.mark.parametrize(
    "source",
    [
        'op.create_table("users", sa.Column("password", sa.Text, server_default=""), sa.Column("token"))\n',
        'op.create_index("ix", "users", ["token", "kind"])\n',
        'op.add_column("users", sa.Column("hashed_password", sa.String(100), comment="of bcrypt"))\n',
        '"""Add the token of a password reset."""\n',
        "connection = op.get_bind()\nkey = 'x'\n",
        "TOKENS = ['a']\nif token == 'x':\n    pass\n",
    ],
)
def test_python_that_only_names_a_column_stays(source: str) -> None:
    assert masked_source(source) == source


def test_a_comment_with_a_secret() -> None:
    assert masked_source(f"a = 1  # password: {S}\n") == "a = 1  # ***\n"
    assert masked_source("a = 1  # the password is asked for\n") == "a = 1  # the password is asked for\n"


def test_what_is_no_python_is_masked_by_its_lines() -> None:
    assert "C4nary" not in masked_source(f"def upgrade(:\n   password = '{S}'\n")


@given(st.text(alphabet=st.sampled_from("password ='\"\n\\#$;()x{}E&/*-"), max_size=60))
def test_whatever_the_text_is(text: str) -> None:
    masked_sql(text)
    masked_source(text)


@pytest.mark.parametrize(
    "text", ["PASSWORD '", "token = '", "('password', ", "password=", "$$secret$$ ", "-- token\n"]
)
def test_masking_takes_no_time(text: str) -> None:
    began = time.perf_counter()
    masked_sql(text * 5_000)
    masked_source(text * 5_000)

    assert time.perf_counter() - began < 3


def test_a_masked_file_is_still_read_as_lines() -> None:
    source = f'op.execute("""\nALTER ROLE a\nPASSWORD \'{S}\n{S}\'\n""")\nlast = 1\n'

    masked = masked_source(source)

    assert masked.splitlines()[-1] == "last = 1"
    assert len(masked.splitlines()) == len(source.splitlines())
    list(tokenize.generate_tokens(io.StringIO(masked).readline))
