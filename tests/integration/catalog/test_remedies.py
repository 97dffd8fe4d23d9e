"""A remedy makes what was found into what was expected, and deletes nothing on the way."""

import re
from collections.abc import Sequence

import psycopg2
import pytest

from agent_factory.migrate.catalog import Catalog, Difference, compare, read_catalog
from tests.integration.catalog.change import Change
from tests.integration.catalog.changes import CHANGES
from tests.integration.catalog.databases import Sample, connected, execute

DELETES = re.compile(
    r"DROP (?:TABLE|SEQUENCE|EXTENSION|.* CASCADE$)|TRUNCATE|DELETE|ALTER TABLE .* DROP COLUMN"
)


def remedies(differences: Sequence[Difference]) -> list[str] | None:
    """What to run in a transaction, where nothing is done CONCURRENTLY; None when one is not known."""
    known = [one.remedy.replace(" CONCURRENTLY", "") for one in differences if one.remedy is not None]
    for remedy in known:
        assert not [statement for statement in remedy.split(";\n") if DELETES.match(statement)]
    return known if len(known) == len(differences) else None


@pytest.mark.parametrize("change", CHANGES)
def test_a_remedy_undoes_what_was_done(newest_sample: Sample, change: Change) -> None:
    with newest_sample.rolled_back() as connection:
        execute(connection, change.sql)
        changed = read_catalog(connection)
        undo = remedies(compare(newest_sample.catalog, changed))
        assert (undo is not None) is change.has_remedy
        for statements in undo or ():
            execute(connection, statements)
        assert undo is None or compare(newest_sample.catalog, read_catalog(connection)) == ()

    redo = remedies(compare(changed, newest_sample.catalog))
    if redo is not None:
        with newest_sample.rolled_back() as connection:
            for statements in redo:
                execute(connection, statements)
            assert compare(changed, read_catalog(connection)) == ()


def changed_by_hand(
    sample: Sample, database: str, *statements: str
) -> tuple[Catalog, tuple[Difference, ...]]:
    """Change a database outside of transactions; a statement may fail, as an index that cannot be unique."""
    with connected(sample.server, database, isolation_level="AUTOCOMMIT") as connection:
        before = read_catalog(connection)
        for statement in statements:
            try:
                execute(connection, statement)
            except psycopg2.errors.UniqueViolation:
                assert "UNIQUE" in statement
        return before, compare(before, read_catalog(connection))


def fix(sample: Sample, database: str, *statements: str) -> Catalog:
    with connected(sample.server, database, isolation_level="AUTOCOMMIT") as connection:
        for statement in statements:
            execute(connection, statement)
        return read_catalog(connection)


def test_an_index_that_a_failed_build_left_invalid(sample: Sample, copy_of_sample: str) -> None:
    before, (difference,) = changed_by_hand(
        sample,
        copy_of_sample,
        "INSERT INTO app.parents (id) VALUES (1), (1)",
        "CREATE UNIQUE INDEX CONCURRENTLY ix_left ON app.parents (id)",
    )

    assert (difference.kind, difference.name, difference.table) == ("index", "app.ix_left", "app.parents")
    assert difference.expected is None
    assert difference.found == "CREATE UNIQUE INDEX ix_left ON app.parents USING btree (id) INVALID"
    assert difference.remedy == "DROP INDEX CONCURRENTLY app.ix_left"
    assert fix(sample, copy_of_sample, difference.remedy) == before


def test_an_index_that_should_be_valid(sample: Sample, copy_of_sample: str) -> None:
    build = "CREATE UNIQUE INDEX CONCURRENTLY ix_parents ON app.parents (id)"
    fix(sample, copy_of_sample, build)
    before, (difference,) = changed_by_hand(
        sample,
        copy_of_sample,
        "DROP INDEX app.ix_parents",
        "INSERT INTO app.parents (id) VALUES (1), (1)",
        build,
    )

    assert difference.expected == "CREATE UNIQUE INDEX ix_parents ON app.parents USING btree (id)"
    assert difference.found == f"{difference.expected} INVALID"
    assert difference.remedy == "REINDEX INDEX CONCURRENTLY app.ix_parents"
    assert fix(sample, copy_of_sample, "DELETE FROM app.parents", difference.remedy) == before


@pytest.mark.parametrize(
    ("statements", "remedy"),
    [
        pytest.param(
            ("DROP INDEX app.ix_users_born",),
            "CREATE INDEX CONCURRENTLY ix_users_born ON app.users USING btree (born) WHERE (age > 3)",
            id="missing",
        ),
        pytest.param(
            ("CREATE INDEX ix_more ON app.users (age)",), "DROP INDEX CONCURRENTLY app.ix_more", id="extra"
        ),
        pytest.param(
            ("DROP INDEX app.ix_users_born", "CREATE INDEX ix_users_born ON app.users (age)"),
            "DROP INDEX CONCURRENTLY app.ix_users_born;\n"
            "CREATE INDEX CONCURRENTLY ix_users_born ON app.users USING btree (born) WHERE (age > 3)",
            id="changed",
        ),
    ],
)
def test_indexes_are_mended_concurrently(
    sample: Sample, copy_of_sample: str, statements: tuple[str, ...], remedy: str
) -> None:
    before, (difference,) = changed_by_hand(sample, copy_of_sample, *statements)

    assert difference.remedy == remedy
    assert fix(sample, copy_of_sample, *remedy.split(";\n")) == before


def test_a_not_null_that_is_not_valid(newest_sample: Sample) -> None:
    with newest_sample.rolled_back() as connection:
        execute(connection, "ALTER TABLE app.tickets ALTER COLUMN title DROP NOT NULL")
        execute(connection, "ALTER TABLE app.tickets ADD NOT NULL title NOT VALID")
        (difference,) = compare(newest_sample.catalog, read_catalog(connection))
        assert (difference.kind, difference.found) == ("column", "text NOT NULL NOT VALID")
        execute(connection, str(difference.remedy))

        assert read_catalog(connection) == newest_sample.catalog


def test_a_not_null_with_a_name_of_its_own_is_told_once(newest_sample: Sample) -> None:
    with newest_sample.rolled_back() as connection:
        execute(connection, "ALTER TABLE app.tickets ADD CONSTRAINT needs_user NOT NULL user_id")
        (difference,) = compare(newest_sample.catalog, read_catalog(connection))
        assert (difference.kind, difference.name) == ("column", "app.tickets.user_id")
        assert difference.found == "bigint CONSTRAINT needs_user NOT NULL"

        execute(
            connection, "ALTER TABLE app.tickets RENAME CONSTRAINT needs_user TO tickets_user_id_not_null1"
        )
        (difference,) = compare(newest_sample.catalog, read_catalog(connection))
        assert difference.found == "bigint NOT NULL"
