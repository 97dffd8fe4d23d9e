"""Operator classes."""

from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.postgresql.expressions import DUMPED, NAMES, not_of_extension
from agent_factory.migrate.catalog.statements import drop

_NAME = "s.name || '.' || quote_ident(p.opcname) || ' USING ' || quote_ident(m.amname)"

_OPERATOR_CLASS = Query(
    name=_NAME,
    parent=("'schema'", "s.name"),
    address=f"'OPERATOR CLASS ' || {_NAME}",
    fields=(
        Field("default", "CASE WHEN p.opcdefault THEN 'DEFAULT' END", DUMPED),
        Field("type", "'FOR TYPE ' || format_type(p.opcintype, NULL)", NAMES),
        Field(
            "stored type",
            "CASE WHEN p.opckeytype <> 0 THEN 'STORAGE ' || format_type(p.opckeytype, NULL) END",
            NAMES,
        ),
        Field(
            "operators",
            "(SELECT string_agg('OPERATOR ' || a.amopstrategy || ' ' || a.amopopr::regoperator, ', '"
            " ORDER BY a.amopstrategy) FROM pg_amop a WHERE a.amopfamily = p.opcfamily"
            " AND a.amoplefttype = p.opcintype AND a.amoprighttype = p.opcintype)",
            f"{NAMES}, by strategy number, which the access method defines",
        ),
        Field(
            "functions",
            "(SELECT string_agg('FUNCTION ' || a.amprocnum || ' ' || a.amproc::regprocedure, ', '"
            " ORDER BY a.amprocnum) FROM pg_amproc a WHERE a.amprocfamily = p.opcfamily"
            " AND a.amproclefttype = p.opcintype AND a.amprocrighttype = p.opcintype)",
            f"{NAMES}, by support number, which the access method defines",
        ),
    ),
    source="""schemas s
    JOIN pg_opclass p ON p.opcnamespace = s.oid
    JOIN pg_am m ON m.oid = p.opcmethod""",
    where=not_of_extension("pg_opclass", "p.oid"),
    owner="p.opcowner",
    comment_of=("pg_opclass", "p.oid", "0"),
)

KINDS = (Kind(name="operator class", queries=(_OPERATOR_CLASS,), drop=drop("OPERATOR CLASS")),)
