import pytest

from agent_factory.url import MalformedURLError, parse_url

CANARY = "c4n4ry-Xk9"


@pytest.mark.parametrize(
    ("written", "password"),
    [
        pytest.param("s3cret", "s3cret", id="plain"),
        pytest.param("p%40ss", "p@ss", id="encoded at sign"),
        pytest.param("p@ss", "p@ss", id="at sign"),
        pytest.param("p/a/ss", "p/a/ss", id="slash"),
        pytest.param("p:ss", "p:ss", id="colon"),
        pytest.param("100%sure", "100%sure", id="percent that encodes nothing"),
        pytest.param("what?now", "what?now", id="question mark"),
        pytest.param("a#b", "a#b", id="hash"),
        pytest.param("a b", "a b", id="blank"),
        pytest.param("p@ss/w:o?r%d", "p@ss/w:o?r%d", id="all of them"),
        pytest.param("[brackets]", "[brackets]", id="brackets"),
        pytest.param("pa%C3%9F", "paß", id="encoded letter"),
    ],
)
@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+asyncpg"])
def test_reads_passwords_as_people_paste_them(scheme: str, written: str, password: str) -> None:
    url = parse_url(f"{scheme}://agent:{written}@db.example.com:6543/factory?sslmode=require")

    assert (url.user, url.password, url.host, url.port, url.database) == (
        *("agent", password, "db.example.com", 6543, "factory"),
    )
    assert url.option("sslmode") == "require"
    assert str(url) == "agent@db.example.com:6543/factory"
    assert password not in repr(url)
    assert url.to_sqlalchemy().drivername == "postgresql+psycopg2"
    assert url.to_sqlalchemy().password == password


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("postgresql://host/db", "host:5432/db", id="no user"),
        pytest.param("postgresql://u@[::1]:5433/db", "u@[::1]:5433/db", id="IPv6"),
        pytest.param("postgresql:///db?host=/run/postgresql", "/run/postgresql:5432/db", id="socket"),
        pytest.param("postgresql:///db", "local socket:5432/db", id="default socket"),
        pytest.param("postgresql://h/db?user=u&password=pw123", "u@h:5432/db", id="login in the options"),
        pytest.param("sqlite:///./file.db", "sqlite:///./file.db", id="relative file"),
        pytest.param("sqlite:////tmp/file.db", "sqlite:////tmp/file.db", id="absolute file"),
        pytest.param("sqlite://", "sqlite://", id="in memory"),
        pytest.param("  postgresql://h/db\n", "h:5432/db", id="blanks around it"),
    ],
)
def test_shows_the_target_and_never_the_password(text: str, shown: str) -> None:
    assert str(parse_url(text)) == shown


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("postgresql+asyncpg://h/db?ssl=require", {"sslmode": "require"}),
        ("postgresql+asyncpg://h/db?ssl=verify-full", {"sslmode": "verify-full"}),
        ("postgresql://h/db?ssl=true", {"sslmode": "require"}),
        ("postgresql+pg8000://h/db?ssl=false", {"sslmode": "disable"}),
        ("postgresql+psycopg://h/db?sslmode=require&prepare_threshold=0", {"sslmode": "require"}),
        ("postgresql+asyncpg://h/db?prepared_statement_cache_size=0", {}),
        ("postgresql+asyncpg://h/db?options=-csearch_path%3Dapp", {"options": "-csearch_path=app"}),
        (
            "postgresql://h/db?sslrootcert=a.crt&connect_timeout=3",
            {"sslrootcert": "a.crt", "connect_timeout": "3"},
        ),
        ("sqlite+aiosqlite:///a.db", {}),
    ],
)
def test_another_driver_is_dropped_with_what_only_that_knows(text: str, options: dict[str, str]) -> None:
    url = parse_url(text)

    assert url.to_sqlalchemy().drivername in ("postgresql+psycopg2", "sqlite+pysqlite")
    assert dict(url.options) == options


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(f"{CANARY}", "does not begin with", id="no scheme"),
        pytest.param(f"mysql://u:{CANARY}@h/db", "mysql://", id="another database"),
        pytest.param(f"postgresql://u:{CANARY}@h:5x/db", "port", id="port is no number"),
        pytest.param(f"postgresql://u:{CANARY}@h:99999/db", "port", id="port out of range"),
        pytest.param(f"postgresql://u:{CANARY}@h", "no database", id="no database"),
        pytest.param(f"postgresql://u:{CANARY}@a,b/db", "several hosts", id="several hosts"),
        pytest.param(f"postgresql://u:{CANARY}@h/db/more", "does not read as", id="trailing path"),
        pytest.param(f"sqlite://{CANARY}.db", "three slashes", id="two slashes"),
    ],
)
def test_a_malformed_url_is_named_without_repeating_it(text: str, says: str) -> None:
    with pytest.raises(MalformedURLError, match=says) as caught:
        parse_url(text)

    assert CANARY not in str(caught.value)
