"""Operators."""

from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.postgresql.expressions import DUMPED, NAMES, not_of_extension, operator
from agent_factory.migrate.catalog.statements import drop

_SIGNATURE = (
    "s.name || '.' || p.oprname || ' (' || CASE p.oprleft WHEN 0 THEN 'NONE'"
    " ELSE format_type(p.oprleft, NULL) END || ', ' || format_type(p.oprright, NULL) || ')'"
)

_OPERATOR = Query(
    name=_SIGNATURE,
    parent=("'schema'", "s.name"),
    address=f"'OPERATOR ' || {_SIGNATURE}",
    fields=(
        Field("function", "'FUNCTION = ' || p.oprcode", NAMES),
        Field("commutator", f"'COMMUTATOR = ' || {operator('p.oprcom')}", NAMES),
        Field("negator", f"'NEGATOR = ' || {operator('p.oprnegate')}", NAMES),
        Field(
            "selectivity of a restriction",
            "CASE WHEN p.oprrest <> 0 THEN 'RESTRICT = ' || p.oprrest END",
            NAMES,
        ),
        Field("selectivity of a join", "CASE WHEN p.oprjoin <> 0 THEN 'JOIN = ' || p.oprjoin END", NAMES),
        Field("hashes", "CASE WHEN p.oprcanhash THEN 'HASHES' END", DUMPED),
        Field("merges", "CASE WHEN p.oprcanmerge THEN 'MERGES' END", DUMPED),
    ),
    source="schemas s JOIN pg_operator p ON p.oprnamespace = s.oid",
    where=f"p.oprcode <> 0 AND {not_of_extension('pg_operator', 'p.oid')}",
    owner="p.oprowner",
    comment_of=("pg_operator", "p.oid", "0"),
)

KINDS = (Kind(name="operator", queries=(_OPERATOR,), drop=drop("OPERATOR")),)
