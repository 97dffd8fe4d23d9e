"""What is read from SQL text, judged by a server: made-up statements with hostile names and literals."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent_factory.migrate.db.sql import bare, bare_parts, blanked, in_quotes, names_in, quoted
from agent_factory.url import DatabaseURL

HOSTILE = st.text(alphabet="'\"$\\;*/-+&(),.eEuUxaA1é\xa0😀 \t\n\r", max_size=12)
TAGS = st.sampled_from(["", "a", "Tag_1", "aé"])

_server_is_judge = settings(max_examples=200, deadline=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a statement, the value that it adds to what is selected, and whether it is opaque."""

    sql: str
    value: str = ""
    is_opaque: bool = True


def plain(sql: str) -> Piece:
    return Piece(sql=sql, is_opaque=False)


@st.composite
def literals(draw: st.DrawFn) -> Piece:
    """A constant of text in one of the forms that PostgreSQL knows."""
    value = draw(HOSTILE)
    doubled = value.replace("'", "''")
    match draw(st.sampled_from(["standard", "escaped", "continued", "unicode", "dollar"])):
        case "escaped":
            quote = draw(st.sampled_from(["''", r"\'"]))
            return Piece(sql="e'" + value.replace("\\", "\\\\").replace("'", quote) + "'", value=value)
        case "continued":
            more = draw(HOSTILE)
            parts = [part.replace("\\", "\\\\").replace("'", r"\'") for part in (value, more)]
            between = draw(st.sampled_from(["'\n'", "' -- isn't it\n\t'", "'\r\n--\n '"]))
            return Piece(sql="E'" + between.join(parts) + "'", value=value + more)
        case "unicode":
            return Piece(sql="U&'" + doubled.replace("\\", "\\\\") + "'", value=value)
        case "dollar":
            quote = f"${draw(TAGS)}$"
            if (value + quote).index(quote) == len(value):
                return Piece(sql=f"{quote}{value}{quote}", value=value)
    return Piece(sql=f"'{doubled}'", value=value)


@st.composite
def comments(draw: st.DrawFn) -> Piece:
    """A comment, maybe with others in it; a line end belongs to no comment."""
    inside = [text.translate({ord("*"): None, ord("/"): None}) for text in draw(st.tuples(HOSTILE, HOSTILE))]
    nested = draw(st.sampled_from(["", "/**/", "/*/**/'*/", "/***/"]))
    return Piece(sql=f"/*{inside[0]}{nested}{inside[1]}*/")


@st.composite
def line_comments(draw: st.DrawFn) -> tuple[Piece, Piece]:
    text = draw(HOSTILE).translate({ord("\n"): None, ord("\r"): None})
    return Piece(sql="--" + text), plain(draw(st.sampled_from("\n\r")))


GAPS = st.one_of(st.just((plain(" "),)), st.tuples(comments(), st.just(plain(" "))), line_comments())
TYPES = st.sampled_from([(), (plain("name"), Piece(sql="'\\'", value="\\"), plain("||"))])
NAMES = HOSTILE.filter(lambda name: 0 < len(name.encode()) <= 63)


@st.composite
def statements(draw: st.DrawFn) -> tuple[list[Piece], str]:
    """A statement that selects constants under a name and adds one to a counter; and that name."""
    name = draw(NAMES)
    pieces = [plain("SELECT"), *draw(GAPS)]
    for literal in draw(st.lists(literals(), min_size=1, max_size=3)):
        pieces += [literal, *draw(GAPS), plain("||"), *draw(TYPES)]
    pieces += [
        Piece(sql="''"),
        *draw(GAPS),
        plain("AS"),
        *draw(GAPS),
        Piece(sql=in_quotes(name)),
        *draw(GAPS),
    ]
    pieces += [plain(", set_config("), Piece(sql="'af_db.run'"), plain(", (current_setting(")]
    pieces += [Piece(sql="'af_db.run'"), plain(")::int + 1)::text, false)"), *draw(GAPS)]
    return pieces, name


@pytest.fixture(scope="module")
def judge(server_url: DatabaseURL) -> Iterator[Any]:
    connection = psycopg2.connect(
        host=server_url.host,
        port=server_url.port,
        user=server_url.user,
        password=server_url.password,
        dbname=server_url.database,
    )
    connection.autocommit = True
    with connection.cursor() as cursor:
        yield cursor
    connection.close()


@_server_is_judge
@given(st.lists(statements(), min_size=1, max_size=3))
def test_what_is_opaque_is_what_the_server_takes_for_that(
    judge: Any, made: list[tuple[list[Piece], str]]
) -> None:
    """The server runs as many statements as stay when all that is opaque is blank, and selects the values."""
    pieces = [piece for statement, _name in made for piece in [*statement, plain(";")]]
    sql = "".join(piece.sql for piece in pieces)
    judge.execute("SET af_db.run = 0")
    judge.execute(sql)
    (value, run) = judge.fetchone()
    statement, name = made[-1]

    assert (value, judge.description[0].name) == ("".join(piece.value for piece in statement), name)
    assert int(run) == len(made) == blanked(sql).count(";")
    assert blanked(sql, fill="#") == "".join(
        "#" * len(piece.sql) if piece.is_opaque else piece.sql for piece in pieces
    )
    assert name in names_in(sql)


@_server_is_judge
@given(st.one_of(NAMES, st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)))
@example("a$b")
def test_a_name_is_quoted_as_the_server_quotes_it(judge: Any, name: str) -> None:
    judge.execute("SELECT quote_ident(%s)", [name])
    assert quoted(name) == judge.fetchone()[0]
    judge.execute(f"SELECT 1 AS {quoted(name)}")
    assert judge.description[0].name == name == bare(quoted(name))
    assert bare_parts(f"{quoted(name)}.{in_quotes(name)}") == (name, name)


def test_every_keyword_is_quoted_that_the_server_quotes(judge: Any) -> None:
    judge.execute("SELECT word, quote_ident(word) FROM pg_get_keywords()")
    needed = {word: quote for word, quote in judge.fetchall() if word != quote}
    assert {word: quoted(word) for word in needed} == needed
    assert len(needed) > 100


@_server_is_judge
@given(
    st.text(
        alphabet=st.characters(codec="utf-8", categories=["L", "N", "S", "Z"], include_characters="$_"),
        max_size=12,
    )
)
def test_a_name_without_quotes_is_read_as_the_server_reads_it(judge: Any, rest: str) -> None:
    word = "x" + "".join(one for one in rest if not one.isascii() or one.isalnum() or one in "$_")
    judge.execute(f"SELECT 1 AS {word}")
    assert judge.description[0].name == bare(word)
    assert names_in(f"({word}+1)") == {bare(word)}
