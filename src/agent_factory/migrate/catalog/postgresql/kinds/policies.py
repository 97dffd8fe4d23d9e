"""Policies of row level security."""

from agent_factory.migrate.catalog.kind import RECREATE, Field, Kind, Query
from agent_factory.migrate.catalog.objects import CatalogObject
from agent_factory.migrate.catalog.postgresql.expressions import DUMPED, PRINTED, grantee
from agent_factory.migrate.catalog.postgresql.firing import drop_from_table
from agent_factory.migrate.catalog.statements import changed_fields, only_in, own_name

_ROLES = f"""(SELECT string_agg(w.name, ', ' ORDER BY w.name COLLATE "C") FROM (
    SELECT {grantee("o")} AS name FROM unnest(p.polroles) AS o) w)"""

_PERMISSIVE = Field(
    "permissive or restrictive",
    "'AS ' || CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END",
    DUMPED,
)
_COMMAND = Field(
    "command",
    "'FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'"
    " WHEN 'd' THEN 'DELETE' ELSE 'ALL' END",
    DUMPED,
)

_POLICY = Query(
    name="r.name || '.' || quote_ident(p.polname)",
    table="r.name",
    parent=("r.kind", "r.name"),
    address="'POLICY ' || quote_ident(p.polname) || ' ON ' || r.name",
    fields=(
        _PERMISSIVE,
        _COMMAND,
        Field("roles", f"'TO ' || {_ROLES}", "names, sorted; a scratch server of our own has the roles"),
        Field(
            "condition", "'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')'", PRINTED, is_printed=True
        ),
        Field(
            "condition for new rows",
            "'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'",
            PRINTED,
            is_printed=True,
        ),
    ),
    source="relations r JOIN pg_policy p ON p.polrelid = r.oid",
    comment_of=("pg_policy", "p.oid", "0"),
)


def _make(one: CatalogObject) -> str:
    return f"CREATE POLICY {own_name(one)} ON {one.table} {one.definition}"


def _change(wanted: CatalogObject, there: CatalogObject) -> str:
    """ALTER POLICY changes roles and expressions; it cannot take an expression away."""
    if wanted.fields != there.fields or changed_fields((_PERMISSIVE, _COMMAND), wanted, there):
        return RECREATE
    return f"ALTER POLICY {own_name(wanted)} ON {wanted.table} {' '.join(only_in(wanted, there))}"


KINDS = (Kind(name="policy", queries=(_POLICY,), make=_make, drop=drop_from_table, change=_change),)
