# ruff: noqa: S608 - these queries are made of constants; what is looked for goes in as parameters
"""Types and routines."""

from agent_factory.migrate.catalog.postgresql.rows import (
    DUMPED,
    NAMES,
    PRINTED,
    SCHEMAS,
    Field,
    Query,
    not_of_extension,
    operator,
    qualified,
    row,
)


def types() -> Query:
    """Enums, domains, composite, range and base types; not the arrays and row types that come with others."""
    attributes = """(SELECT string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
            || CASE WHEN a.attcollation <> e.typcollation THEN ' COLLATE ' || a.attcollation::regcollation
               ELSE '' END, ', ' ORDER BY a.attnum)
        FROM pg_attribute a JOIN pg_type e ON e.oid = a.atttypid
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)"""
    range_parts = f"""(SELECT 'SUBTYPE = ' || format_type(g.rngsubtype, NULL)
            || ', SUBTYPE_OPCLASS = ' || (SELECT {qualified("opcnamespace", "opcname")} FROM pg_opclass
                                          WHERE pg_opclass.oid = g.rngsubopc)
            || CASE WHEN g.rngcollation <> 0 THEN ', COLLATION = ' || g.rngcollation::regcollation ELSE '' END
            || CASE WHEN g.rngcanonical <> 0 THEN ', CANONICAL = ' || g.rngcanonical ELSE '' END
            || CASE WHEN g.rngsubdiff <> 0 THEN ', SUBTYPE_DIFF = ' || g.rngsubdiff ELSE '' END
            || ', MULTIRANGE_TYPE_NAME = ' || format_type(g.rngmultitypid, NULL)
        FROM pg_range g WHERE g.rngtypid = t.oid)"""
    name = "s.name || '.' || quote_ident(t.typname)"
    return row(
        *("enum", "domain", "type"),
        kind="CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'type' END",
        name=name,
        parent=("'schema'", "s.name"),
        address=f"CASE t.typtype WHEN 'd' THEN 'DOMAIN ' ELSE 'TYPE ' END || {name}",
        fields=(
            Field(
                "labels",
                "CASE t.typtype WHEN 'e' THEN 'AS ENUM (' || coalesce("
                "(SELECT string_agg(quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder)"
                " FROM pg_enum l WHERE l.enumtypid = t.oid), '') || ')' END",
                "in their order; the numbers that order them are not told",
            ),
            Field(
                "attributes",
                f"CASE t.typtype WHEN 'c' THEN 'AS (' || coalesce({attributes}, '') || ')' END",
                f"{NAMES}, in their order; no column number is told",
            ),
            Field("range", f"CASE t.typtype WHEN 'r' THEN 'AS RANGE (' || {range_parts} || ')' END", NAMES),
            Field(
                "functions of a base type",
                "CASE t.typtype WHEN 'b' THEN '(INPUT = ' || t.typinput || ', OUTPUT = ' || t.typoutput"
                " || ', INTERNALLENGTH = ' || t.typlen || ')' END",
                DUMPED,
            ),
            Field(
                "type of a domain",
                "CASE t.typtype WHEN 'd' THEN 'AS ' || format_type(t.typbasetype, t.typtypmod) END",
                NAMES,
            ),
            Field(
                "collation",
                "CASE WHEN t.typtype = 'd' AND t.typcollation <> b.typcollation"
                " THEN 'COLLATE ' || t.typcollation::regcollation END",
                "the collation's name, where it is not that of the type; its version is not read",
            ),
            Field(
                "default",
                "CASE t.typtype WHEN 'd' THEN 'DEFAULT ' || pg_get_expr(t.typdefaultbin, 0) END",
                PRINTED,
            ),
            Field("not null", "CASE WHEN t.typnotnull THEN 'NOT NULL' END", DUMPED),
        ),
        source="""schemas s
        JOIN pg_type t ON t.typnamespace = s.oid
        LEFT JOIN pg_class c ON c.oid = t.typrelid
        LEFT JOIN pg_type b ON b.oid = t.typbasetype""",
        where=f"""(t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c'
                   OR t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type a WHERE a.typarray = t.oid))
          AND t.typisdefined AND {not_of_extension("pg_type", "t.oid")}""",
        owner="t.typowner",
        acl=("coalesce(t.typacl, acldefault('T', t.typowner))", "T"),
        comment_of=("pg_type", "t.oid", "0"),
    ).after(SCHEMAS)


def routines() -> Query:
    """Functions, procedures and aggregates, but those that PostgreSQL makes for a range type."""
    signature = (
        "s.name || '.' || quote_ident(p.proname) || '('"
        " || CASE WHEN p.prokind = 'a' AND p.pronargs = 0 THEN '*'"
        " ELSE oidvectortypes(p.proargtypes) END || ')'"
    )
    kind = "CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END"
    aggregate = f"""(SELECT 'CREATE AGGREGATE ' || s.name || '.' || quote_ident(p.proname)
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
    return row(
        *("function", "procedure", "aggregate"),
        kind=kind,
        name=signature,
        parent=("'schema'", "s.name"),
        address=f"upper({kind}) || ' ' || {signature}",
        fields=(
            Field(
                "definition",
                f"CASE p.prokind WHEN 'a' THEN {aggregate} ELSE rtrim(pg_get_functiondef(p.oid), E'\\n') END",
                f"{PRINTED}; a body in quotes is kept to the letter",
            ),
        ),
        source="schemas s JOIN pg_proc p ON p.pronamespace = s.oid",
        where="""NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass
                             AND e.objid = p.oid AND e.deptype IN ('e', 'i'))""",
        owner="p.proowner",
        acl=("coalesce(p.proacl, acldefault('f', p.proowner))", "f"),
        comment_of=("pg_proc", "p.oid", "0"),
    ).after(SCHEMAS)
