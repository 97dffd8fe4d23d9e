"""Safe rewrites for columns: new ones are filled in batches, constraints proven before they are demanded."""

import re
from collections.abc import Iterator

from agent_factory.migrate.db.clauses import using_expression
from agent_factory.migrate.db.definitions import column_parts
from agent_factory.migrate.db.sql import bare, quoted, schema_of
from agent_factory.migrate.rehearsal.trace import Change
from agent_factory.migrate.review.hazards.evidence import RehearsedStatement
from agent_factory.migrate.review.hazards.safe_forms.rewrite import (
    MigrationStep,
    SafeRewrite,
    in_schema_of,
    short_name,
)

BATCH_ROWS = 10_000


def new_type(statement: RehearsedStatement, change: Change) -> SafeRewrite:
    """Return how to change a column's type without writing the whole table again."""
    table, old, type_ = change.table, change.name or "", change.after or ""
    new, kept = short_name(old, "new"), short_name(old, "old")
    using = using_expression(statement.traced.sql, old)
    value = using or f"CAST({quoted(old)} AS {type_})"
    trigger, in_step = _in_step(table, new, value)
    return SafeRewrite(
        intro="add a column of the new type, keep it in step and fill it, then put it in the place of"
        f" {quoted(old)}; NOT NULL, default and indexes of {quoted(old)} have to be made for it before that",
        revisions=(
            (MigrationStep(sql=f"ALTER TABLE {table} ADD COLUMN {quoted(new)} {type_}"), *in_step),
            (backfill(table, quoted(new), value, f"({using})" if using else quoted(old)),),
            (
                *_no_longer_in_step(table, trigger),
                MigrationStep(sql=f"ALTER TABLE {table} RENAME COLUMN {quoted(old)} TO {quoted(kept)}"),
                MigrationStep(sql=f"ALTER TABLE {table} RENAME COLUMN {quoted(new)} TO {quoted(old)}"),
            ),
        ),
    )


def computed_column(change: Change) -> Iterator[SafeRewrite]:
    """Return how to add a column with a value that is worked out for each row."""
    table, name = change.table, change.name or ""
    parts = column_parts(change.after or "")
    column, proofs = quoted(name), not_null(table, name) if parts.is_required else ()
    add = MigrationStep(sql=f"ALTER TABLE {table} ADD COLUMN {column} {parts.type}")
    if parts.generated:
        _trigger, in_step = _in_step(table, name, parts.generated)
        yield SafeRewrite(
            intro=f"have a trigger compute {column}, and fill it in batches",
            revisions=(
                (add, *in_step),
                (backfill(table, column, parts.generated, parts.generated),),
                *proofs,
            ),
        )
        return
    sequence = re.match(r"nextval\('((?:[^']|'')+)'::regclass\)", parts.default or "")
    own = sequence[1].replace("''", "'") if sequence else in_schema_of(table, bare(table), name, "seq")
    default = parts.default or f"nextval('{own}')"
    if sequence is None and parts.default is not None:
        before, after = [], []
    else:
        own = own if schema_of(own) else in_schema_of(table, bare(own))
        before = [MigrationStep(sql=f"CREATE SEQUENCE {own}")]
        after = [MigrationStep(sql=f"ALTER SEQUENCE {own} OWNED BY {table}.{column}")]
    yield SafeRewrite(
        intro=f"add {column} without the default, set that for new rows, and fill the others in batches",
        revisions=(
            (
                *before,
                add,
                MigrationStep(sql=f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default}"),
                *after,
            ),
            (backfill(table, column, "DEFAULT"),),
            *proofs,
        ),
    )


def not_null(table: str, column: str) -> tuple[tuple[MigrationStep, ...], ...]:
    """Return the two revisions that make a column NOT NULL; the long part lets others read and write."""
    check = quoted(short_name(bare(table), column, "not_null"))
    return (
        (
            MigrationStep(
                sql=f"ALTER TABLE {table} ADD CONSTRAINT {check}"
                f" CHECK ({quoted(column)} IS NOT NULL) NOT VALID"
            ),
        ),
        (
            MigrationStep(sql=f"ALTER TABLE {table} VALIDATE CONSTRAINT {check}"),
            MigrationStep(sql=f"ALTER TABLE {table} ALTER COLUMN {quoted(column)} SET NOT NULL"),
            MigrationStep(sql=f"ALTER TABLE {table} DROP CONSTRAINT {check}"),
        ),
    )


def _in_step(table: str, column: str, value: str) -> tuple[str, tuple[MigrationStep, ...]]:
    """Return the name of a trigger that computes a column of each new or changed row, and what makes it."""
    name = short_name(bare(table), column, "in_step")
    function = in_schema_of(table, name)
    computed = f"(SELECT {value} FROM (SELECT NEW.*) AS given)"  # noqa: S608 - a revision's own words
    body = f"BEGIN NEW.{quoted(column)} := {computed}; RETURN NEW; END"
    return name, (
        MigrationStep(sql=f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"),
        MigrationStep(
            sql=f"CREATE TRIGGER {quoted(name)} BEFORE INSERT OR UPDATE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {function}()"
        ),
    )


def _no_longer_in_step(table: str, trigger: str) -> tuple[MigrationStep, ...]:
    return (
        MigrationStep(sql=f"DROP TRIGGER {quoted(trigger)} ON {table}"),
        MigrationStep(sql=f"DROP FUNCTION {in_schema_of(table, trigger)}()"),
    )


def backfill(table: str, column: str, value: str, source: str | None = None) -> MigrationStep:
    """Return the step that fills a column where it is NULL; all names are quoted.

    Where ``source`` is given, what the value is made of, only where that is not NULL.
    """
    empty = f"{column} IS NULL" + (f" AND {source} IS NOT NULL" if source else "")
    some = f"SELECT ctid FROM {table} WHERE {empty} LIMIT {BATCH_ROWS}"  # noqa: S608
    return MigrationStep(
        sql=f"UPDATE {table} SET {column} = {value} WHERE ctid = ANY (ARRAY({some})) AND {empty}",  # noqa: S608
        in_batches=True,
    )
