"""pg_dump's text, cut into entries."""

import pytest

from agent_factory.migrate.rehearsal.scratch.entries import OWNER, SETTING, Entry, read_entries

TABLE = """--
-- Name: t; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.t (
    a integer
);


"""


def entry(type_: str, sql: str) -> Entry:
    return Entry(type=type_, schema=None, name="x", sql=sql)


def test_a_dump() -> None:
    dump = (
        "--\n-- PostgreSQL database dump\n--\n\n\\restrict aBc\n\n-- Dumped by pg_dump version 18.4\n\n"
        "SET statement_timeout = 0;\nSELECT pg_catalog.set_config('search_path', '', false);\n\n"
        "--\n-- Name: public; Type: SCHEMA; Schema: -; Owner: -\n--\n\n"
        "-- *not* creating schema, since initdb creates it\n\n\n"
        "--\n-- Name: app; Type: SCHEMA; Schema: -; Owner: -\n--\n\nCREATE SCHEMA app;\n\n\n"
        "SET default_tablespace = '';\n\nSET default_table_access_method = heap;\n\n"
        f"{TABLE}--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict aBc\n\n"
    )
    found = [(item.type, str(item), item.sql.strip()) for item in read_entries(dump)]
    assert found == [
        (SETTING, "SET statement_timeout = 0;", "SET statement_timeout = 0;"),
        (SETTING, *["SELECT pg_catalog.set_config('search_path', '', false);"] * 2),
        ("SCHEMA", "schema app", "CREATE SCHEMA app;"),
        (SETTING, *["SET default_tablespace = '';"] * 2),
        (SETTING, *["SET default_table_access_method = heap;"] * 2),
        ("TABLE", "table public.t", found[-1][2]),
    ]
    assert found[-1][2].startswith("CREATE TABLE public.t (")


@pytest.mark.parametrize(
    "quoted",
    [
        pytest.param(f"$$\n{TABLE}\\restrict x\nSET a = b;\n$$", id="dollars"),
        pytest.param(f"$_$\n{TABLE}$$ $_$", id="tagged dollars"),
        pytest.param(f"'it''s\n{TABLE}'", id="string"),
        pytest.param(f"E'it\\'s \\\\\n{TABLE}'", id="escape string"),
        pytest.param(f'"a ""\n{TABLE}"', id="identifier"),
    ],
)
def test_a_dump_in_what_is_quoted_is_no_entry(quoted: str) -> None:
    function = f"CREATE FUNCTION public.f() RETURNS text AS {quoted} LANGUAGE sql;\n\n\n"
    header = "--\n-- Name: f(); Type: FUNCTION; Schema: public; Owner: -\n--\n\n"
    assert [str(item) for item in read_entries(f"{header}{function}{TABLE}")] == [
        "function public.f()",
        "table public.t",
    ]


def test_the_statements_of_a_table_run_one_by_one() -> None:
    table = entry(
        "TABLE", "CREATE TABLE t (a text DEFAULT ';\n');\nALTER TABLE t ALTER a SET STORAGE PLAIN;\n\n"
    )
    assert [statement.strip() for statement in table.statements] == [
        "CREATE TABLE t (a text DEFAULT ';\n');",
        "ALTER TABLE t ALTER a SET STORAGE PLAIN;",
    ]


def test_a_function_is_one_statement() -> None:
    function = entry("FUNCTION", "CREATE FUNCTION f() BEGIN ATOMIC\n SELECT 1;\n SELECT 2;\nEND;\n")
    assert function.statements == (function.sql,)


def test_options_are_cut_off() -> None:
    server = entry(
        "SERVER",
        "CREATE SERVER \" OPTIONS (\" FOREIGN DATA WRAPPER w OPTIONS (\n    host 'x);',\n    b 'c'\n);\n",
    )
    assert server.without_options == 'CREATE SERVER " OPTIONS (" FOREIGN DATA WRAPPER w;\n'
    plain = entry("SERVER", "CREATE SERVER s FOREIGN DATA WRAPPER w;\n")
    assert plain.without_options == plain.sql


ALTER = "ALTER TABLE ONLY public.t ALTER COLUMN a SET"


@pytest.mark.parametrize(
    ("written", "made"),
    [
        (f"{ALTER} (pg_attver=31259184);\n", ""),
        (f"{ALTER} (n_distinct=5, pg_attver=31259184);\n", f"{ALTER} (n_distinct=5);\n"),
        (f"{ALTER} (pg_attver=1, n_distinct_inherited=-0.5);\n", f"{ALTER} (n_distinct_inherited=-0.5);\n"),
        (f"{ALTER} (n_distinct=5);\n", f"{ALTER} (n_distinct=5);\n"),
        (f"{ALTER} STATISTICS 5;\n", f"{ALTER} STATISTICS 5;\n"),
        (f"{ALTER} (one=1, two=2);\n{ALTER} STORAGE MAIN;\n", f"{ALTER} STORAGE MAIN;\n"),
        ("ALTER TABLE t SET (fillfactor=50);\n", "ALTER TABLE t SET (fillfactor=50);\n"),
        (
            'ALTER FOREIGN TABLE ONLY "a.b"."c SET (x=1);\n" ALTER COLUMN "d""e f" SET (pg_attver=2);\n',
            "",
        ),
        (
            'ALTER TABLE ONLY t ALTER COLUMN "x SET (pg_attver=1);\n" SET (n_distinct=1, pg_attver=2);\n',
            'ALTER TABLE ONLY t ALTER COLUMN "x SET (pg_attver=1);\n" SET (n_distinct=1);\n',
        ),
        (
            f"CREATE TABLE t (a text DEFAULT '\n{ALTER} (pg_attver=1);\n');\n{ALTER} (pg_attver=2);\n",
            f"CREATE TABLE t (a text DEFAULT '\n{ALTER} (pg_attver=1);\n');\n",
        ),
    ],
)
def test_column_options_that_are_postgresqls_own_are_cut(written: str, made: str) -> None:
    for type_ in ("TABLE", "FOREIGN TABLE", "MATERIALIZED VIEW"):
        assert entry(type_, written).with_known_column_options == made


def test_a_body_that_speaks_of_column_options_stays_as_it_is() -> None:
    body = f"CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$\n{ALTER} (pg_attver=1);\n$$;\n"
    assert entry("FUNCTION", body).with_known_column_options == body


def test_the_owner_of_an_object_is_an_entry_of_its_own() -> None:
    header = "--\n-- Name: f(); Type: FUNCTION; Schema: public; Owner: a\n--\n\n"
    body = "CREATE FUNCTION public.f() RETURNS text AS 'x\nALTER TABLE t OWNER TO b;\n' LANGUAGE sql;\n\n\n"
    schema = (
        "--\n-- Name: public; Type: SCHEMA; Schema: -; Owner: The; owner\n--\n\n"
        "-- *not* creating schema, since initdb creates it\n\n\n"
        'ALTER SCHEMA public OWNER TO "The; ""owner";\n\n'
    )
    found = list(read_entries(f"{header}{body}ALTER FUNCTION public.f() OWNER TO a;\n\n{schema}"))
    assert [(item.type, item.owner) for item in found] == [
        ("FUNCTION", None),
        (OWNER, "a"),
        (OWNER, 'The; "owner'),
    ]
    assert found[0].sql.strip() == body.strip()
    assert found[2].sql == 'ALTER SCHEMA public OWNER TO "The; ""owner";\n'
