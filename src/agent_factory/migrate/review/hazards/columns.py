"""Safe forms for columns: new ones are filled in batches, constraints proven before they are demanded."""

import re
from collections.abc import Iterator

from agent_factory.migrate.db.definitions import bare, column_parts, quoted, schema_of, using_expression
from agent_factory.migrate.rehearsal.trace import Change
from agent_factory.migrate.review.hazards.count import Counted
from agent_factory.migrate.review.hazards.evidence import Step
from agent_factory.migrate.review.hazards.recipe import Recipe, Work, beside, short_name

BATCH_ROWS = 10_000


def keep_column(table: str, column: str, counted: Counted) -> Recipe:
    """Return how to keep the values of a column that goes; the names are those of now."""
    key = counted.keys.get(table, ())
    columns = ", ".join(map(quoted, [*key, *([] if column in key else [column])])) if key else "*"
    copy = f"CREATE TABLE {beside(table, bare(table), column, 'kept')} AS"
    copy += f" SELECT {columns} FROM {table} WHERE {quoted(column)} IS NOT NULL"  # noqa: S608
    return Recipe(
        intro=f"when no code uses {quoted(column)} any more, keep its values until nobody misses them",
        revisions=((Work(sql=copy),),),
    )


def rename_column(table: str, old: str, new: str, type_: str) -> Recipe:
    """Return how to give a column another name while code runs that knows only the old one."""
    return Recipe(
        intro=f"add {quoted(new)}, deploy code that writes both, fill it, deploy code that uses only"
        f" {quoted(new)}, and drop {quoted(old)} last",
        revisions=(
            (Work(sql=f"ALTER TABLE {table} ADD COLUMN {quoted(new)} {type_}"),),
            (_backfill(table, quoted(new), quoted(old), quoted(old)),),
        ),
    )


def required_column(table: str, column: str, definition: str) -> Recipe:
    """Return how to add a NOT NULL column without a default to a table that has rows."""
    type_ = column_parts(definition).type
    return Recipe(
        intro=f"add {quoted(column)} without NOT NULL, fill it in batches, and require it then",
        revisions=(
            (Work(sql=f"ALTER TABLE {table} ADD COLUMN {quoted(column)} {type_}"),),
            *not_null(table, column),
        ),
    )


def new_type(step: Step, change: Change) -> Recipe:
    """Return how to change a column's type without writing the table anew."""
    table, old, type_ = change.table, change.name or "", change.after or ""
    new, kept = short_name(old, "new"), short_name(old, "old")
    using = using_expression(step.statement.sql, old)
    value = using or f"CAST({quoted(old)} AS {type_})"
    trigger, in_step = _in_step(table, new, value)
    return Recipe(
        intro="add a column of the new type, keep it in step and fill it, then put it in the place of"
        f" {quoted(old)}; NOT NULL, default and indexes of {quoted(old)} have to be made for it before that",
        revisions=(
            (Work(sql=f"ALTER TABLE {table} ADD COLUMN {quoted(new)} {type_}"), *in_step),
            (_backfill(table, quoted(new), value, f"({using})" if using else quoted(old)),),
            (
                *_no_longer_in_step(table, trigger),
                Work(sql=f"ALTER TABLE {table} RENAME COLUMN {quoted(old)} TO {quoted(kept)}"),
                Work(sql=f"ALTER TABLE {table} RENAME COLUMN {quoted(new)} TO {quoted(old)}"),
            ),
        ),
    )


def computed_column(change: Change) -> Iterator[Recipe]:
    """Return how to add a column with a value that is worked out for each row."""
    table, name = change.table, change.name or ""
    parts = column_parts(change.after or "")
    column, proofs = quoted(name), not_null(table, name) if parts.is_required else ()
    add = Work(sql=f"ALTER TABLE {table} ADD COLUMN {column} {parts.type}")
    if parts.generated:
        _trigger, in_step = _in_step(table, name, parts.generated)
        yield Recipe(
            intro=f"have a trigger compute {column}, and fill it in batches",
            revisions=(
                (add, *in_step),
                (_backfill(table, column, parts.generated, parts.generated),),
                *proofs,
            ),
        )
        return
    sequence = re.match(r"nextval\('((?:[^']|'')+)'::regclass\)", parts.default or "")
    own = sequence[1].replace("''", "'") if sequence else beside(table, bare(table), name, "seq")
    default = parts.default or f"nextval('{own}')"
    if sequence is None and parts.default is not None:
        before, after = [], []
    else:
        own = own if schema_of(own) else beside(table, bare(own))
        before = [Work(sql=f"CREATE SEQUENCE {own}")]
        after = [Work(sql=f"ALTER SEQUENCE {own} OWNED BY {table}.{column}")]
    yield Recipe(
        intro=f"add {column} without the default, set that for new rows, and fill the others in batches",
        revisions=(
            (
                *before,
                add,
                Work(sql=f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default}"),
                *after,
            ),
            (_backfill(table, column, "DEFAULT"),),
            *proofs,
        ),
    )


def not_null(table: str, column: str) -> tuple[tuple[Work, ...], ...]:
    """Return the two revisions that make a column NOT NULL; the long part lets others read and write."""
    check = quoted(short_name(bare(table), column, "not_null"))
    return (
        (
            Work(
                sql=f"ALTER TABLE {table} ADD CONSTRAINT {check}"
                f" CHECK ({quoted(column)} IS NOT NULL) NOT VALID"
            ),
        ),
        (
            Work(sql=f"ALTER TABLE {table} VALIDATE CONSTRAINT {check}"),
            Work(sql=f"ALTER TABLE {table} ALTER COLUMN {quoted(column)} SET NOT NULL"),
            Work(sql=f"ALTER TABLE {table} DROP CONSTRAINT {check}"),
        ),
    )


def _in_step(table: str, column: str, value: str) -> tuple[str, tuple[Work, ...]]:
    """A trigger that works out a column from the others of a new or changed row; its name, and how."""
    name = short_name(bare(table), column, "in_step")
    function = beside(table, name)
    computed = f"(SELECT {value} FROM (SELECT NEW.*) AS given)"  # noqa: S608 - a revision's own words
    body = f"BEGIN NEW.{quoted(column)} := {computed}; RETURN NEW; END"
    return name, (
        Work(sql=f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"),
        Work(
            sql=f"CREATE TRIGGER {quoted(name)} BEFORE INSERT OR UPDATE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {function}()"
        ),
    )


def _no_longer_in_step(table: str, trigger: str) -> tuple[Work, ...]:
    return (
        Work(sql=f"DROP TRIGGER {quoted(trigger)} ON {table}"),
        Work(sql=f"DROP FUNCTION {beside(table, trigger)}()"),
    )


def _backfill(table: str, column: str, value: str, source: str | None = None) -> Work:
    """Fill a column where it is NULL and ``source``, what the value is made of, is not; names are quoted."""
    empty = f"{column} IS NULL" + (f" AND {source} IS NOT NULL" if source else "")
    some = f"SELECT ctid FROM {table} WHERE {empty} LIMIT {BATCH_ROWS}"  # noqa: S608
    return Work(
        sql=f"UPDATE {table} SET {column} = {value} WHERE ctid = ANY (ARRAY({some})) AND {empty}",  # noqa: S608
        repeated=True,
    )
