"""Casts that somebody made, where all schemas are in scope."""

from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.postgresql.expressions import DUMPED
from agent_factory.migrate.catalog.statements import create, drop

_NAME = "'(' || format_type(p.castsource, NULL) || ' AS ' || format_type(p.casttarget, NULL) || ')'"

_CAST = Query(
    name=_NAME,
    address=f"'CAST ' || {_NAME}",
    fields=(
        Field(
            "method",
            "CASE p.castmethod WHEN 'f' THEN 'WITH FUNCTION ' || p.castfunc::regprocedure"
            " WHEN 'i' THEN 'WITH INOUT' ELSE 'WITHOUT FUNCTION' END",
            DUMPED,
        ),
        Field(
            "context",
            "CASE p.castcontext WHEN 'a' THEN 'AS ASSIGNMENT' WHEN 'i' THEN 'AS IMPLICIT' END",
            DUMPED,
        ),
    ),
    source="pg_cast p",
    # Objects that initdb made have oids below this (FirstNormalObjectId of PostgreSQL's transam.h).
    where="""%(all)s AND p.oid >= 16384
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_cast'::regclass
                      AND e.objid = p.oid AND e.deptype IN ('e', 'i'))""",
    comment_of=("pg_cast", "p.oid", "0"),
)

KINDS = (Kind(name="cast", queries=(_CAST,), make=create("CAST"), drop=drop("CAST")),)
