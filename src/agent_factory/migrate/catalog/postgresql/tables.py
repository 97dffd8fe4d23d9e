# ruff: noqa: S608 - these queries are made of constants; what is looked for goes in as parameters
"""Schemas, tables, views and sequences, and the columns, constraints and indexes of tables."""

from agent_factory.migrate.catalog.postgresql.rows import (
    RELATIONS,
    SCHEMAS,
    not_of_extension,
    options,
    relation,
    row,
    union,
)

_NAMED_BY_POSTGRESQL = "_not_null[0-9]*$"
"""How PostgreSQL 18 names a NOT NULL that was given no name; a table that is renamed keeps its old ones."""


def schemas() -> str:
    return f"WITH {SCHEMAS}" + row(
        kind="'schema'",
        name="s.name",
        address="'SCHEMA ' || s.name",
        clauses=("'SCHEMA'",),
        source="schemas s JOIN pg_namespace n USING (oid)",
        owner="n.nspowner",
        acl=("n.nspacl", "n"),
        comment_of=("pg_namespace", "n.oid", "0"),
    )


def tables() -> str:
    """Tables, foreign tables, views; and which materialized views hold rows."""
    view_columns = """
        (SELECT string_agg(
            quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
            || coalesce(' DEFAULT ' || pg_get_expr(x.adbin, x.adrelid), ''), ', ' ORDER BY a.attnum)
         FROM pg_attribute a LEFT JOIN pg_attrdef x ON x.adrelid = a.attrelid AND x.adnum = a.attnum
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)"""
    storage_options = """
        (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM (
            SELECT unnest(c.reloptions) UNION ALL SELECT 'toast.' || unnest(toast.reloptions)) AS o (o))"""
    foreign_server = f"""
        (SELECT 'SERVER ' || quote_ident(f.srvname) || {options("t.ftoptions")}
         FROM pg_foreign_table t JOIN pg_foreign_server f ON f.oid = t.ftserver WHERE t.ftrelid = c.oid)"""
    parents = f"""
        parents AS (
            SELECT i.inhrelid, string_agg({relation("i.inhparent")}, ', ' ORDER BY i.inhseqno) AS names
            FROM pg_inherits i JOIN relations r ON r.oid = i.inhrelid GROUP BY i.inhrelid)"""
    clustered = """
        clustered AS (
            SELECT i.indrelid, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
            WHERE i.indisclustered)"""
    described = row(
        kind="r.kind",
        name="r.name",
        table="r.name",
        whole=(
            "CASE WHEN c.relispartition THEN 'table' ELSE 'schema' END",
            "CASE WHEN c.relispartition THEN parents.names ELSE r.schema END",
        ),
        address="upper(r.kind) || ' ' || r.name",
        clauses=(
            "CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END",
            "upper(r.kind)",
            "CASE WHEN c.reloftype <> 0 THEN 'OF ' || format_type(c.reloftype, NULL) END",
            f"CASE WHEN c.relkind IN ('v', 'm') THEN '(' || {view_columns} || ')' END",
            "CASE WHEN c.relispartition"
            " THEN 'PARTITION OF ' || parents.names || ' ' || pg_get_expr(c.relpartbound, c.oid)"
            " ELSE 'INHERITS (' || parents.names || ')' END",
            "CASE c.relkind WHEN 'p' THEN 'PARTITION BY ' || pg_get_partkeydef(c.oid) END",
            "CASE WHEN c.relam <> 0 THEN (SELECT 'USING ' || quote_ident(m.amname) FROM pg_am m"
            " WHERE m.oid = c.relam AND m.amname <> 'heap') END",
            f"CASE c.relkind WHEN 'f' THEN {foreign_server} END",
            "CASE WHEN c.reloptions IS NOT NULL OR toast.reloptions IS NOT NULL"
            f" THEN 'WITH (' || {storage_options} || ')' END",
            "CASE WHEN c.relrowsecurity THEN 'ENABLE ROW LEVEL SECURITY' END",
            "CASE WHEN c.relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END",
            "CASE WHEN c.relkind IN ('r', 'p') THEN 'REPLICA IDENTITY ' || CASE c.relreplident"
            " WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' WHEN 'i' THEN"
            " (SELECT 'USING INDEX ' || quote_ident(x.relname) FROM pg_index i"
            " JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND i.indisreplident)"
            " END END",
            "'CLUSTER ON ' || quote_ident(clustered.relname)",
            "CASE WHEN c.relkind IN ('v', 'm') THEN 'AS ' || btrim(pg_get_viewdef(c.oid), ' ;') END",
        ),
        source="""relations r
        JOIN pg_class c ON c.oid = r.oid
        LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
        LEFT JOIN parents ON parents.inhrelid = c.oid
        LEFT JOIN clustered ON clustered.indrelid = c.oid""",
        where="r.relkind <> 'c'",
        owner="c.relowner",
        acl=("c.relacl", "r"),
        comment_of=("pg_class", "c.oid", "0"),
    )
    populated = row(
        kind="'populated'",
        name="r.name",
        table="r.name",
        whole=("r.kind", "r.name"),
        address="NULL",
        clauses=("'WITH DATA'",),
        source="relations r JOIN pg_class c ON c.oid = r.oid",
        where="c.relkind = 'm' AND c.relispopulated",
    )
    return f"WITH {SCHEMAS}, {RELATIONS}, {parents}, {clustered}" + union(described, populated)


def columns(version: int) -> str:
    """Columns of tables; of views and composite types only the comments and grants, as they say the rest."""
    not_null, names = "CASE WHEN a.attnotnull THEN 'NOT NULL' END", ""
    if version >= 18_00_00:  # NOT NULL became a constraint with a name, which may be NOT VALID
        not_null = f"""CASE WHEN a.attnotnull THEN
            CASE WHEN nn.conname !~ '{_NAMED_BY_POSTGRESQL}'
                 THEN 'CONSTRAINT ' || quote_ident(nn.conname) || ' ' ELSE '' END || 'NOT NULL'
            || CASE WHEN nn.connoinherit THEN ' NO INHERIT' ELSE '' END
            || CASE WHEN NOT nn.convalidated THEN ' NOT VALID' ELSE '' END END"""
        names = """
        LEFT JOIN pg_constraint nn
          ON nn.contype = 'n' AND nn.conrelid = a.attrelid AND nn.conkey[1] = a.attnum"""
    inherited = f"""CASE WHEN a.attinhcount > 0 THEN
        (SELECT {relation("i.inhparent")} FROM pg_inherits i WHERE i.inhrelid = a.attrelid AND i.inhseqno = 1)
        || '.' || quote_ident(a.attname)"""
    return f"WITH {SCHEMAS}, {RELATIONS}" + row(
        kind="CASE WHEN r.relkind IN ('r', 'p', 'f') THEN 'column' END",
        name="r.name || '.' || quote_ident(a.attname)",
        table="r.name",
        whole=(
            "CASE WHEN a.attinhcount > 0 THEN 'column' ELSE r.kind END",
            f"{inherited} ELSE r.name END",
        ),
        address="'COLUMN ' || r.name || '.' || quote_ident(a.attname)",
        clauses=(
            "format_type(a.atttypid, a.atttypmod)",
            "CASE WHEN a.attcollation <> t.typcollation THEN 'COLLATE ' || a.attcollation::regcollation END",
            "CASE WHEN a.attgenerated = '' THEN 'DEFAULT ' || pg_get_expr(x.adbin, x.adrelid)"
            " ELSE 'GENERATED ALWAYS AS (' || pg_get_expr(x.adbin, x.adrelid) || ') '"
            " || CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END END",
            "CASE a.attidentity WHEN 'a' THEN 'GENERATED ALWAYS AS IDENTITY'"
            " WHEN 'd' THEN 'GENERATED BY DEFAULT AS IDENTITY' END",
            not_null,
            "CASE WHEN a.attstorage <> t.typstorage THEN 'STORAGE ' || CASE a.attstorage"
            " WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END",
            "CASE a.attcompression WHEN 'p' THEN 'COMPRESSION pglz' WHEN 'l' THEN 'COMPRESSION lz4' END",
            "CASE WHEN a.attstattarget >= 0 THEN 'STATISTICS ' || a.attstattarget END",
            "'WITH (' || array_to_string(a.attoptions, ', ') || ')'",
            f"CASE WHEN a.attfdwoptions IS NOT NULL THEN ltrim({options('a.attfdwoptions')}) END",
        ),
        source=f"""relations r
        JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef x ON x.adrelid = a.attrelid AND x.adnum = a.attnum{names}""",
        where="r.relkind IN ('r', 'p', 'f') OR d.description IS NOT NULL OR a.attacl IS NOT NULL",
        acl=("a.attacl", "c"),
        comment_of=("pg_class", "a.attrelid", "a.attnum"),
    )


def constraints() -> str:
    """Constraints of tables and of domains. Those that an index keeps tell of that index as well.

    NOT NULL is told with its column, a constraint trigger with the triggers. The rows that PostgreSQL adds
    for a foreign key to a partitioned table, one for each partition, follow from the first.
    """
    of_tables = row(
        kind="'constraint'",
        name="r.name || '.' || quote_ident(k.conname)",
        table="r.name",
        whole=(
            "CASE WHEN k.conparentid <> 0 OR NOT k.conislocal THEN 'constraint' ELSE r.kind END",
            "CASE WHEN k.conparentid <> 0 THEN"
            f" {relation('parent.conrelid')} || '.' || quote_ident(parent.conname)"
            f" WHEN NOT k.conislocal THEN (SELECT {relation('i.inhparent')} FROM pg_inherits i"
            " WHERE i.inhrelid = r.oid AND i.inhseqno = 1) || '.' || quote_ident(k.conname)"
            " ELSE r.name END",
        ),
        address="'CONSTRAINT ' || quote_ident(k.conname) || ' ON ' || r.name",
        clauses=(
            "pg_get_constraintdef(k.oid)",
            "'WITH (' || array_to_string(x.reloptions, ', ') || ')'",
            "CASE WHEN NOT (i.indisvalid AND i.indisready) THEN 'INVALID' END",
            "CASE WHEN off.tgconstraint IS NOT NULL THEN 'TRIGGERS DISABLED' END",
        ),
        source="""relations r
        JOIN pg_constraint k ON k.conrelid = r.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')
        LEFT JOIN pg_constraint parent ON parent.oid = k.conparentid
        LEFT JOIN pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x')
        LEFT JOIN pg_class x ON x.oid = i.indexrelid
        LEFT JOIN (SELECT DISTINCT tgconstraint FROM pg_trigger WHERE tgisinternal AND tgenabled = 'D') off
          ON off.tgconstraint = k.oid""",
        where="k.contype <> 'f' OR k.conparentid = 0 OR k.confrelid = parent.confrelid",
        comment_of=("pg_constraint", "k.oid", "0"),
    )
    domain = "s.name || '.' || quote_ident(t.typname)"
    of_domains = row(
        kind="'constraint'",
        name=f"{domain} || '.' || quote_ident(k.conname)",
        whole=("'domain'", domain),
        address=f"'CONSTRAINT ' || quote_ident(k.conname) || ' ON DOMAIN ' || {domain}",
        clauses=("pg_get_constraintdef(k.oid)",),
        source="""schemas s
        JOIN pg_type t ON t.typnamespace = s.oid
        JOIN pg_constraint k ON k.contypid = t.oid AND k.contype = 'c'""",
        where=not_of_extension("pg_type", "t.oid"),
        comment_of=("pg_constraint", "k.oid", "0"),
    )
    return f"WITH {SCHEMAS}, {RELATIONS}" + union(of_tables, of_domains)


def indexes() -> str:
    """Indexes but those that keep a constraint."""
    return f"WITH {SCHEMAS}, {RELATIONS}" + row(
        kind="'index'",
        name="r.schema || '.' || quote_ident(c.relname)",
        table="r.name",
        whole=(
            "CASE WHEN inh.inhparent IS NULL THEN r.kind ELSE 'index' END",
            f"CASE WHEN inh.inhparent IS NULL THEN r.name ELSE {relation('inh.inhparent')} END",
        ),
        address="'INDEX ' || r.schema || '.' || quote_ident(c.relname)",
        clauses=(
            "pg_get_indexdef(c.oid)",
            "CASE WHEN NOT (i.indisvalid AND i.indisready AND i.indislive) THEN 'INVALID' END",
            f"CASE WHEN inh.inhparent IS NOT NULL THEN 'PARTITION OF ' || {relation('inh.inhparent')} END",
            "CASE WHEN i.indexprs IS NOT NULL THEN (SELECT string_agg("
            "'ALTER COLUMN ' || a.attnum || ' SET STATISTICS ' || a.attstattarget, ', ' ORDER BY a.attnum)"
            " FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attstattarget >= 0) END",
        ),
        source="""relations r
        JOIN pg_index i ON i.indrelid = r.oid
        JOIN pg_class c ON c.oid = i.indexrelid
        LEFT JOIN pg_inherits inh ON inh.inhrelid = c.oid""",
        where="""NOT EXISTS (
            SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))""",
        comment_of=("pg_class", "c.oid", "0"),
    )


def sequences() -> str:
    """Sequences with their parameters, those of identity columns included; a current value is no schema."""
    owned = "dep.refobjid IS NOT NULL"
    table = "quote_ident(tn.nspname) || '.' || quote_ident(t.relname)"
    column = f"{table} || '.' || quote_ident(a.attname)"
    return f"WITH {SCHEMAS}" + row(
        kind="'sequence'",
        name="s.name || '.' || quote_ident(c.relname)",
        table=table,
        whole=(
            f"CASE WHEN {owned} THEN 'column' ELSE 'schema' END",
            f"CASE WHEN {owned} THEN {column} ELSE s.name END",
        ),
        address="'SEQUENCE ' || s.name || '.' || quote_ident(c.relname)",
        clauses=(
            "CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END",
            "'AS ' || format_type(q.seqtypid, NULL)",
            "'INCREMENT BY ' || q.seqincrement",
            "'MINVALUE ' || q.seqmin",
            "'MAXVALUE ' || q.seqmax",
            "'START WITH ' || q.seqstart",
            "'CACHE ' || q.seqcache",
            "CASE WHEN q.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END",
            f"CASE WHEN {owned} THEN 'OWNED BY ' || {column} END",
        ),
        source="""schemas s
        JOIN pg_class c ON c.relnamespace = s.oid AND c.relkind = 'S' AND c.relpersistence <> 't'
        JOIN pg_sequence q ON q.seqrelid = c.oid
        LEFT JOIN pg_depend dep ON dep.classid = 'pg_class'::regclass AND dep.objid = c.oid
          AND dep.refclassid = 'pg_class'::regclass AND dep.refobjsubid > 0 AND dep.deptype IN ('a', 'i')
        LEFT JOIN pg_attribute a ON a.attrelid = dep.refobjid AND a.attnum = dep.refobjsubid
        LEFT JOIN pg_class t ON t.oid = dep.refobjid
        LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace""",
        where=not_of_extension("pg_class", "c.oid"),
        owner="c.relowner",
        owner_told=f"NOT ({owned})",  # what a column owns always has the owner of its table
        acl=("c.relacl", "s"),
        comment_of=("pg_class", "c.oid", "0"),
    )
