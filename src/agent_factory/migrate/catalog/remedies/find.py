"""From a difference to the statement that fixes it: one table of what each kind needs."""

from agent_factory.migrate.catalog.objects import CatalogObject, Key, is_attached
from agent_factory.migrate.catalog.remedies import code, columns, rights, tables, types
from agent_factory.migrate.catalog.remedies.clauses import RECREATE, Change, Make, statements
from agent_factory.migrate.catalog.snapshot import Snapshot

_MADE_BY_NAME = {  # kind: what comes between CREATE and its name; its definition follows
    "enum": "TYPE",
    "type": "TYPE",
    "domain": "DOMAIN",
    "extension": "EXTENSION",
    "publication": "PUBLICATION",
    "cast": "CAST",
    "collation": "COLLATION",
    "text search dictionary": "TEXT SEARCH DICTIONARY",
}
_DROPPED_BY_NAME = {
    "schema": "SCHEMA",
    "view": "VIEW",
    "materialized view": "MATERIALIZED VIEW",
    "foreign table": "FOREIGN TABLE",
    "enum": "TYPE",
    "type": "TYPE",
    "domain": "DOMAIN",
    "function": "FUNCTION",
    "procedure": "PROCEDURE",
    "aggregate": "AGGREGATE",
    "statistics": "STATISTICS",
    "event trigger": "EVENT TRIGGER",
    "publication": "PUBLICATION",
    "cast": "CAST",
    "operator": "OPERATOR",
    "operator class": "OPERATOR CLASS",
    "collation": "COLLATION",
    "text search configuration": "TEXT SEARCH CONFIGURATION",
    "text search dictionary": "TEXT SEARCH DICTIONARY",
    "foreign server": "SERVER",
}
_MAKE: dict[str, Make] = {
    "schema": lambda one: f"CREATE SCHEMA {one.name}",
    "column": columns.make_column,
    "constraint": tables.make_constraint,
    "index": tables.make_index,
    "sequence": types.make_sequence,
    "view": tables.make_view,
    "materialized view": tables.make_view,
    "populated": tables.refresh,
    "function": code.make_as_told,
    "procedure": code.make_as_told,
    "aggregate": code.make_as_told,
    "trigger": code.make_firing,
    "rule": code.make_firing,
    "policy": code.make_policy,
    "statistics": code.make_statistics,
    "event trigger": code.make_event_trigger,
    "comment": rights.make_comment,
    "grant": rights.make_grant,
    "default privileges": rights.make_default_privileges,
}
_DROP: dict[str, Make] = {
    "constraint": tables.drop_constraint,
    "index": tables.drop_index,
    "trigger": code.drop_from_table,
    "rule": code.drop_from_table,
    "policy": code.drop_from_table,
    "comment": rights.drop_comment,
    "grant": rights.drop_grant,
    "default privileges": rights.drop_default_privileges,
}
_CHANGE: dict[str, Change] = {
    "table": tables.change_table,
    "column": columns.change_column,
    "constraint": tables.change_constraint,
    "index": tables.change_index,
    "sequence": types.change_sequence,
    "enum": types.change_enum,
    "domain": types.change_domain,
    "view": tables.change_view,
    "materialized view": tables.change_materialized_view,
    "function": code.change_function,
    "procedure": code.change_function,
    "trigger": code.change_firing,
    "rule": code.change_firing,
    "policy": code.change_policy,
    "statistics": code.change_statistics,
    "event trigger": code.change_event_trigger,
    "publication": code.change_publication,
    "comment": rights.change_comment,
    "owner": rights.change_owner,
    "grant": rights.change_grant,
    "default privileges": rights.change_default_privileges,
}
_OF_SQLITE = ("index", "trigger", "view")
_SAID_OF = ("comment", "grant", "owner")
_COMES_BY_ITSELF = ("owner", "populated", "sequence")


def find_remedy(key: Key, wanted: Snapshot, there: Snapshot, *, backend: str) -> str | None:
    """Return what to run where ``there`` is and ``wanted`` should be, as far as that is certain."""
    expected, found = wanted.get(key), there.get(key)
    if backend == "sqlite":
        return _remedy_on_sqlite(expected, found)
    if expected is None:
        return _drop(found, there) if found is not None else None
    if found is None:
        return _make(expected, wanted)
    change = _CHANGE.get(expected.kind)
    if change is None:
        return None
    remedy = change(expected, found)
    if remedy is not RECREATE:
        return remedy
    drop, make = _drop(found, there), _make(expected, wanted)
    if expected.kind == "constraint" and expected.table and drop and make:
        # In one statement, so that no row comes in between.
        return f"{drop}, {make.removeprefix(f'ALTER TABLE {expected.table} ')}"
    return statements(drop, make)


def _make(one: CatalogObject, snapshot: Snapshot) -> str | None:
    """Make it with its parts: a view's triggers, a domain's checks, all comments and grants."""
    if one.kind in _MADE_BY_NAME:
        itself: str | None = f"CREATE {_MADE_BY_NAME[one.kind]} {one.name} {one.definition}"
    else:
        make = _MAKE.get(one.kind)
        itself = make(one) if make else None
    parts = snapshot.parts_of(one)
    if one.kind == "materialized view" and not any(part.kind == "populated" for part in parts):
        itself = f"{itself} WITH NO DATA"
    # PostgreSQL makes by itself what is attached, and the sequence of an identity.
    own_parts = (part for part in parts if not is_attached(part) and part.kind not in _COMES_BY_ITSELF)
    return statements(itself, *(_make(part, snapshot) for part in own_parts))


def _drop(one: CatalogObject, snapshot: Snapshot) -> str | None:
    if one.kind == "schema" and any(part.kind not in _SAID_OF for part in snapshot.parts_of(one)):
        return None
    if one.kind in _DROPPED_BY_NAME:
        return f"DROP {_DROPPED_BY_NAME[one.kind]} {one.name}"
    drop = _DROP.get(one.kind)
    return drop(one) if drop else None


def _remedy_on_sqlite(expected: CatalogObject | None, found: CatalogObject | None) -> str | None:
    """Only what has a statement of its own: SQLite keeps constraints in the table's."""
    drop = [f"DROP {one.kind.upper()} {one.name}" for one in (found,) if one is not None]
    make = [one.definition for one in (expected,) if one is not None]
    known = all(one is None or one.kind in _OF_SQLITE for one in (expected, found))
    return statements(*drop, *make) if known else None
