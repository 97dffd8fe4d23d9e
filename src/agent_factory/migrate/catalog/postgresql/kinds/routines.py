"""Functions, procedures and aggregates, but those that PostgreSQL makes for a range type."""

from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.objects import CatalogObject
from agent_factory.migrate.catalog.postgresql.expressions import PRINTED, operator
from agent_factory.migrate.catalog.statements import drop, run_definition

_KIND = "CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END"
_SIGNATURE = (
    "s.name || '.' || quote_ident(p.proname) || '('"
    " || CASE WHEN p.prokind = 'a' AND p.pronargs = 0 THEN '*'"
    " ELSE oidvectortypes(p.proargtypes) END || ')'"
)
_AGGREGATE = f"""(SELECT 'CREATE AGGREGATE ' || s.name || '.' || quote_ident(p.proname)
        || '(' || CASE p.pronargs WHEN 0 THEN '*' ELSE pg_get_function_arguments(p.oid) END
        || ') (SFUNC = ' || g.aggtransfn
        || ', STYPE = ' || format_type(g.aggtranstype, NULL)
        || CASE WHEN g.aggtransspace <> 0 THEN ', SSPACE = ' || g.aggtransspace ELSE '' END
        || CASE WHEN g.aggfinalfn <> 0 THEN ', FINALFUNC = ' || g.aggfinalfn ELSE '' END
        || CASE WHEN g.aggfinalextra THEN ', FINALFUNC_EXTRA' ELSE '' END
        || CASE WHEN g.aggcombinefn <> 0 THEN ', COMBINEFUNC = ' || g.aggcombinefn ELSE '' END
        || CASE WHEN g.aggserialfn <> 0 THEN ', SERIALFUNC = ' || g.aggserialfn ELSE '' END
        || CASE WHEN g.aggdeserialfn <> 0 THEN ', DESERIALFUNC = ' || g.aggdeserialfn ELSE '' END
        || coalesce(', INITCOND = ' || quote_literal(g.agginitval), '')
        || CASE WHEN g.aggmtransfn <> 0 THEN ', MSFUNC = ' || g.aggmtransfn
             || ', MINVFUNC = ' || g.aggminvtransfn
             || ', MSTYPE = ' || format_type(g.aggmtranstype, NULL) ELSE '' END
        || CASE WHEN g.aggmfinalfn <> 0 THEN ', MFINALFUNC = ' || g.aggmfinalfn ELSE '' END
        || coalesce(', MINITCOND = ' || quote_literal(g.aggminitval), '')
        || coalesce(', SORTOP = ' || {operator("g.aggsortop")}, '')
        || CASE g.aggkind WHEN 'h' THEN ', HYPOTHETICAL' ELSE '' END
        || CASE p.proparallel WHEN 's' THEN ', PARALLEL = SAFE'
                              WHEN 'r' THEN ', PARALLEL = RESTRICTED' ELSE '' END || ')'
    FROM pg_aggregate g WHERE g.aggfnoid = p.oid)"""

_ROUTINE = Query(
    kind=_KIND,
    name=_SIGNATURE,
    parent=("'schema'", "s.name"),
    address=f"upper({_KIND}) || ' ' || {_SIGNATURE}",
    fields=(
        Field(
            "definition",
            f"CASE p.prokind WHEN 'a' THEN {_AGGREGATE} ELSE rtrim(pg_get_functiondef(p.oid), E'\\n') END",
            f"{PRINTED}; a body in quotes is kept to the letter",
            is_printed=True,
        ),
    ),
    source="schemas s JOIN pg_proc p ON p.pronamespace = s.oid",
    where="""NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass
                         AND e.objid = p.oid AND e.deptype IN ('e', 'i'))""",
    owner="p.proowner",
    acl=("coalesce(p.proacl, acldefault('f', p.proowner))", "f"),
    comment_of=("pg_proc", "p.oid", "0"),
)


def _change(wanted: CatalogObject, there: CatalogObject) -> str | None:
    """CREATE OR REPLACE, which cannot change what comes before the language: arguments and result."""
    heads = [one.definition.partition("\n LANGUAGE ")[0] for one in (wanted, there)]
    return wanted.definition if heads[0] == heads[1] else None


KINDS = (
    Kind(name="function", queries=(_ROUTINE,), make=run_definition, drop=drop("FUNCTION"), change=_change),
    Kind(name="procedure", queries=(_ROUTINE,), make=run_definition, drop=drop("PROCEDURE"), change=_change),
    Kind(name="aggregate", queries=(_ROUTINE,), make=run_definition, drop=drop("AGGREGATE")),
)
