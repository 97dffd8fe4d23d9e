# ruff: noqa: S608 - these queries are made of constants; what is looked for goes in as parameters
"""What else is attached to a table: triggers, rules, policies, extended statistics."""

from agent_factory.migrate.catalog.postgresql.rows import (
    DUMPED,
    PRINTED,
    RELATIONS,
    SCHEMAS,
    Field,
    Query,
    grantee,
    not_of_extension,
    row,
    union,
)


def enabled(column: str) -> Field:
    """Whether a trigger or a rule fires."""
    return Field(
        "enabled",
        f"CASE {column} WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'"
        " WHEN 'A' THEN 'ENABLE ALWAYS' END",
        DUMPED,
    )


def parts_of_tables() -> Query:
    triggers = row(
        "trigger",
        name="r.name || '.' || quote_ident(t.tgname)",
        table="r.name",
        parent=(
            "CASE WHEN t.tgparentid = 0 THEN r.kind ELSE 'trigger' END",
            "coalesce((SELECT r2.name || '.' || quote_ident(p.tgname) FROM pg_trigger p"
            " JOIN relations r2 ON r2.oid = p.tgrelid WHERE p.oid = t.tgparentid), r.name)",
        ),
        address="'TRIGGER ' || quote_ident(t.tgname) || ' ON ' || r.name",
        fields=(Field("definition", "pg_get_triggerdef(t.oid)", PRINTED), enabled("t.tgenabled")),
        source="relations r JOIN pg_trigger t ON t.tgrelid = r.oid",
        where=f"NOT t.tgisinternal AND {not_of_extension('pg_trigger', 't.oid')}",
        comment_of=("pg_trigger", "t.oid", "0"),
    )
    rules = row(
        "rule",
        name="r.name || '.' || quote_ident(w.rulename)",
        table="r.name",
        parent=("r.kind", "r.name"),
        address="'RULE ' || quote_ident(w.rulename) || ' ON ' || r.name",
        fields=(
            Field("definition", "rtrim(pg_get_ruledef(w.oid), ';')", PRINTED),
            enabled("w.ev_enabled"),
        ),
        source="relations r JOIN pg_rewrite w ON w.ev_class = r.oid",
        where="w.rulename <> '_RETURN'",
        comment_of=("pg_rewrite", "w.oid", "0"),
    )
    roles = f"""(SELECT string_agg(w.name, ', ' ORDER BY w.name COLLATE "C") FROM (
        SELECT {grantee("o")} AS name FROM unnest(p.polroles) AS o) w)"""
    policies = row(
        "policy",
        name="r.name || '.' || quote_ident(p.polname)",
        table="r.name",
        parent=("r.kind", "r.name"),
        address="'POLICY ' || quote_ident(p.polname) || ' ON ' || r.name",
        fields=(
            Field(
                "permissive or restrictive",
                "'AS ' || CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END",
                DUMPED,
            ),
            Field(
                "command",
                "'FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'"
                " WHEN 'd' THEN 'DELETE' ELSE 'ALL' END",
                DUMPED,
            ),
            Field("roles", f"'TO ' || {roles}", "names, sorted; a scratch server of our own has the roles"),
            Field("condition", "'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')'", PRINTED),
            Field(
                "condition for new rows",
                "'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'",
                PRINTED,
            ),
        ),
        source="relations r JOIN pg_policy p ON p.polrelid = r.oid",
        comment_of=("pg_policy", "p.oid", "0"),
    )
    statistics = row(
        "statistics",
        name="s.name || '.' || quote_ident(x.stxname)",
        table="r.name",
        parent=("r.kind", "r.name"),
        address="'STATISTICS ' || s.name || '.' || quote_ident(x.stxname)",
        fields=(
            Field("definition", "pg_get_statisticsobjdef(x.oid)", PRINTED),
            Field(
                "statistics target",
                "CASE WHEN x.stxstattarget >= 0 THEN 'SET STATISTICS ' || x.stxstattarget END",
                f"where somebody set one; {DUMPED}",
                is_setting=True,
            ),
        ),
        source="""schemas s
        JOIN pg_statistic_ext x ON x.stxnamespace = s.oid
        JOIN relations r ON r.oid = x.stxrelid""",
        owner="x.stxowner",
        comment_of=("pg_statistic_ext", "x.oid", "0"),
    )
    return union(triggers, rules, policies, statistics).after(SCHEMAS, RELATIONS)
