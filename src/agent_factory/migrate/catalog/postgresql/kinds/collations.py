"""Collations."""

from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.postgresql.expressions import DUMPED, not_of_extension
from agent_factory.migrate.catalog.statements import create, drop

_NAME = "s.name || '.' || quote_ident(p.collname)"
_PROVIDER = "CASE p.collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END"
# As JSON, since the locale of an ICU collation has been in a column of another name in each version.
_LOCALE = "coalesce(to_jsonb(p) ->> 'colllocale', to_jsonb(p) ->> 'colliculocale', p.collcollate)"

_COLLATION = Query(
    name=_NAME,
    parent=("'schema'", "s.name"),
    address=f"'COLLATION ' || {_NAME}",
    fields=(
        Field(
            "locale",
            f"'(PROVIDER = ' || {_PROVIDER}"
            " || CASE p.collprovider WHEN 'c' THEN ', LC_COLLATE = ' || quote_literal(p.collcollate)"
            " || ', LC_CTYPE = ' || quote_literal(p.collctype)"
            f" ELSE ', LOCALE = ' || quote_literal({_LOCALE}) END"
            " || CASE WHEN p.collisdeterministic THEN '' ELSE ', DETERMINISTIC = false' END"
            " || coalesce(', RULES = ' || quote_literal(to_jsonb(p) ->> 'collicurules'), '') || ')'",
            f"{DUMPED}; its version, which the operating system decides, is not read",
        ),
    ),
    source="schemas s JOIN pg_collation p ON p.collnamespace = s.oid",
    where=not_of_extension("pg_collation", "p.oid"),
    owner="p.collowner",
    comment_of=("pg_collation", "p.oid", "0"),
)

KINDS = (Kind(name="collation", queries=(_COLLATION,), make=create("COLLATION"), drop=drop("COLLATION")),)
