# ruff: noqa: S608 - these queries are made of constants; what is looked for goes in as parameters
"""Schemas, tables, views and sequences, and the columns, constraints and indexes of tables."""

from dataclasses import replace

from agent_factory.migrate.catalog.postgresql.rows import (
    DUMPED,
    NAMES,
    PRINTED,
    RELATIONS,
    SCHEMAS,
    Field,
    Query,
    not_of_extension,
    options,
    relation,
    row,
    union,
)
from agent_factory.migrate.db.definitions import COLUMN_OPTIONS

_NAMED_BY_POSTGRESQL = "_not_null[0-9]*$"
"""How PostgreSQL 18 names a NOT NULL that was given no name; a table that is renamed keeps its old ones."""


def schemas() -> Query:
    return row(
        "schema",
        name="s.name",
        address="'SCHEMA ' || s.name",
        fields=(Field("kind", "'SCHEMA'", "a constant"),),
        source="schemas s JOIN pg_namespace n USING (oid)",
        owner="n.nspowner",
        acl=("n.nspacl", "n"),
        comment_of=("pg_namespace", "n.oid", "0"),
    ).after(SCHEMAS)


def tables() -> Query:
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
        *("table", "foreign table", "view", "materialized view"),
        kind="r.kind",
        name="r.name",
        table="r.name",
        parent=(
            "CASE WHEN c.relispartition THEN 'table' ELSE 'schema' END",
            "CASE WHEN c.relispartition THEN parents.names ELSE r.schema END",
        ),
        address="upper(r.kind) || ' ' || r.name",
        fields=(
            Field("persistence", "CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END", DUMPED),
            Field("kind", "upper(r.kind)", "a constant for each relkind"),
            Field(
                "type",
                "CASE WHEN c.reloftype <> 0 THEN 'OF ' || format_type(c.reloftype, NULL) END",
                NAMES,
            ),
            Field(
                "columns of a view",
                f"CASE WHEN c.relkind IN ('v', 'm') THEN '(' || {view_columns} || ')' END",
                "names and types in the order of the view, which pg_dump keeps; no column number is told",
            ),
            Field(
                "parents",
                "CASE WHEN c.relispartition"
                " THEN 'PARTITION OF ' || parents.names || ' ' || pg_get_expr(c.relpartbound, c.oid)"
                " ELSE 'INHERITS (' || parents.names || ')' END",
                f"names in the order of INHERITS; the bound: {PRINTED}",
            ),
            Field(
                "partition key",
                "CASE c.relkind WHEN 'p' THEN 'PARTITION BY ' || pg_get_partkeydef(c.oid) END",
                PRINTED,
            ),
            Field(
                "access method",
                "CASE WHEN c.relam <> 0 THEN (SELECT 'USING ' || quote_ident(m.amname) FROM pg_am m"
                " WHERE m.oid = c.relam AND m.amname <> 'heap') END",
                "a name; pg_dump writes default_table_access_method before each table",
                is_setting=True,
            ),
            Field("foreign server", f"CASE c.relkind WHEN 'f' THEN {foreign_server} END", DUMPED),
            Field(
                "storage options",
                "CASE WHEN c.reloptions IS NOT NULL OR toast.reloptions IS NOT NULL"
                f" THEN 'WITH (' || {storage_options} || ')' END",
                f"sorted, those of the TOAST table included; {DUMPED}",
                is_setting=True,
            ),
            Field(
                "row level security",
                "CASE WHEN c.relrowsecurity THEN 'ENABLE ROW LEVEL SECURITY' END",
                DUMPED,
            ),
            Field(
                "row level security for the owner",
                "CASE WHEN c.relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END",
                DUMPED,
            ),
            Field(
                "replica identity",
                "CASE WHEN c.relkind IN ('r', 'p') THEN 'REPLICA IDENTITY ' || CASE c.relreplident"
                " WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' WHEN 'i' THEN"
                " (SELECT 'USING INDEX ' || quote_ident(x.relname) FROM pg_index i"
                " JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND i.indisreplident)"
                " END END",
                DUMPED,
                is_setting=True,
            ),
            Field(
                "cluster index",
                "'CLUSTER ON ' || quote_ident(clustered.relname)",
                f"the index's name; {DUMPED}",
                is_setting=True,
            ),
            Field(
                "query of a view",
                "CASE WHEN c.relkind IN ('v', 'm') THEN 'AS ' || btrim(pg_get_viewdef(c.oid), ' ;') END",
                f"{PRINTED}; two major versions may print it otherwise",
            ),
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
        "populated",
        name="r.name",
        table="r.name",
        parent=("r.kind", "r.name"),
        address="NULL",
        fields=(
            Field(
                "rows",
                "'WITH DATA'",
                "it is not, in a copy without rows: left out of a comparison with one",
            ),
        ),
        source="relations r JOIN pg_class c ON c.oid = r.oid",
        where="c.relkind = 'm' AND c.relispopulated",
    )
    return union(described, populated).after(SCHEMAS, RELATIONS, parents, clustered)


def columns(version: int) -> Query:
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
    known_options = f"""
        (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM unnest(a.attoptions) AS o
         WHERE split_part(o, '=', 1) IN ({", ".join(f"'{name}'" for name in COLUMN_OPTIONS)}))"""
    return row(
        "column",
        kind="CASE WHEN r.relkind IN ('r', 'p', 'f') THEN 'column' END",
        name="r.name || '.' || quote_ident(a.attname)",
        table="r.name",
        parent=(
            "CASE WHEN a.attinhcount > 0 THEN 'column' ELSE r.kind END",
            f"{inherited} ELSE r.name END",
        ),
        address="'COLUMN ' || r.name || '.' || quote_ident(a.attname)",
        fields=(
            Field("type", "format_type(a.atttypid, a.atttypmod)", NAMES),
            Field(
                "collation",
                "CASE WHEN a.attcollation <> t.typcollation"
                " THEN 'COLLATE ' || a.attcollation::regcollation END",
                "the collation's name, where it is not that of the type; its version is not read",
            ),
            Field(
                "default or generation",
                "CASE WHEN a.attgenerated = '' THEN 'DEFAULT ' || pg_get_expr(x.adbin, x.adrelid)"
                " ELSE 'GENERATED ALWAYS AS (' || pg_get_expr(x.adbin, x.adrelid) || ') '"
                " || CASE a.attgenerated WHEN 's' THEN 'STORED' ELSE 'VIRTUAL' END END",
                PRINTED,
            ),
            Field(
                "identity",
                "CASE a.attidentity WHEN 'a' THEN 'GENERATED ALWAYS AS IDENTITY'"
                " WHEN 'd' THEN 'GENERATED BY DEFAULT AS IDENTITY' END",
                DUMPED,
            ),
            Field(
                "not null",
                not_null,
                f"{DUMPED}; a name that PostgreSQL 18 gave is not told: a renamed table keeps its old one",
            ),
            Field(
                "storage",
                "CASE WHEN a.attstorage <> t.typstorage THEN 'STORAGE ' || CASE a.attstorage"
                " WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN'"
                " ELSE 'EXTENDED' END END",
                f"where it is not that of the type; {DUMPED}",
                is_setting=True,
            ),
            Field(
                "compression",
                "CASE a.attcompression WHEN 'p' THEN 'COMPRESSION pglz' WHEN 'l' THEN 'COMPRESSION lz4' END",
                f"where the column names one; {DUMPED}",
                is_setting=True,
            ),
            Field(
                "statistics target",
                "CASE WHEN a.attstattarget >= 0 THEN 'STATISTICS ' || a.attstattarget END",
                f"where somebody set one (not so is -1, or NULL since version 17); {DUMPED}",
                is_setting=True,
            ),
            Field(
                "options",
                f"CASE WHEN a.attoptions IS NOT NULL THEN 'WITH (' || {known_options} || ')' END",
                f"{' and '.join(COLUMN_OPTIONS)} alone, which people set; {DUMPED}. What else is there is"
                " PostgreSQL's own: pg_attver (15.20 and its kin) is another number in each database",
                is_setting=True,
            ),
            Field(
                "options for the foreign server",
                f"CASE WHEN a.attfdwoptions IS NOT NULL THEN ltrim({options('a.attfdwoptions')}) END",
                f"sorted; {DUMPED}",
            ),
        ),
        source=f"""relations r
        JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef x ON x.adrelid = a.attrelid AND x.adnum = a.attnum{names}""",
        where="r.relkind IN ('r', 'p', 'f') OR d.description IS NOT NULL OR a.attacl IS NOT NULL",
        acl=("a.attacl", "c"),
        comment_of=("pg_class", "a.attrelid", "a.attnum"),
    ).after(SCHEMAS, RELATIONS)


def constraints() -> Query:
    """Constraints of tables and of domains. Those that an index keeps tell of that index as well.

    NOT NULL is told with its column, a constraint trigger with the triggers. The rows that PostgreSQL adds
    for a foreign key to a partitioned table, one for each partition, follow from the first.
    """
    of_tables_alone = (
        Field(
            "storage options",
            "'WITH (' || array_to_string(x.reloptions, ', ') || ')'",
            DUMPED,
            is_setting=True,
        ),
        Field(
            "validity of the index",
            "CASE WHEN NOT (i.indisvalid AND i.indisready) THEN 'INVALID' END",
            "what a failed build leaves; a copy has it right, or not at all",
        ),
        Field(
            "disabled triggers",
            "CASE WHEN off.tgconstraint IS NOT NULL THEN 'TRIGGERS DISABLED' END",
            "no migration leaves them so; pg_dump does not write it, so a copy has them enabled",
        ),
    )
    definition = Field(
        "definition",
        "pg_get_constraintdef(k.oid)",
        f"{PRINTED}; it is not printed, parsed and printed again, so two spellings of one condition differ",
    )
    of_tables = row(
        "constraint",
        name="r.name || '.' || quote_ident(k.conname)",
        table="r.name",
        parent=(
            "CASE WHEN k.conparentid <> 0 OR NOT k.conislocal THEN 'constraint' ELSE r.kind END",
            "CASE WHEN k.conparentid <> 0 THEN"
            f" {relation('parent.conrelid')} || '.' || quote_ident(parent.conname)"
            f" WHEN NOT k.conislocal THEN (SELECT {relation('i.inhparent')} FROM pg_inherits i"
            " WHERE i.inhrelid = r.oid AND i.inhseqno = 1) || '.' || quote_ident(k.conname)"
            " ELSE r.name END",
        ),
        address="'CONSTRAINT ' || quote_ident(k.conname) || ' ON ' || r.name",
        fields=(definition, *of_tables_alone),
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
        "constraint",
        name=f"{domain} || '.' || quote_ident(k.conname)",
        parent=("'domain'", domain),
        address=f"'CONSTRAINT ' || quote_ident(k.conname) || ' ON DOMAIN ' || {domain}",
        fields=(definition, *(replace(field, sql="NULL") for field in of_tables_alone)),
        source="""schemas s
        JOIN pg_type t ON t.typnamespace = s.oid
        JOIN pg_constraint k ON k.contypid = t.oid AND k.contype = 'c'""",
        where=not_of_extension("pg_type", "t.oid"),
        comment_of=("pg_constraint", "k.oid", "0"),
    )
    return union(of_tables, of_domains).after(SCHEMAS, RELATIONS)


def indexes() -> Query:
    """Indexes but those that keep a constraint."""
    return row(
        "index",
        name="r.schema || '.' || quote_ident(c.relname)",
        table="r.name",
        parent=(
            "CASE WHEN inh.inhparent IS NULL THEN r.kind ELSE 'index' END",
            f"CASE WHEN inh.inhparent IS NULL THEN r.name ELSE {relation('inh.inhparent')} END",
        ),
        address="'INDEX ' || r.schema || '.' || quote_ident(c.relname)",
        fields=(
            Field("definition", "pg_get_indexdef(c.oid)", PRINTED),
            Field(
                "validity",
                "CASE WHEN NOT (i.indisvalid AND i.indisready AND i.indislive) THEN 'INVALID' END",
                "what a failed build leaves; pg_dump leaves such an index out",
            ),
            Field(
                "parent",
                "CASE WHEN inh.inhparent IS NOT NULL"
                f" THEN 'PARTITION OF ' || {relation('inh.inhparent')} END",
                "the name of the partitioned index",
            ),
            Field(
                "statistics targets",
                "CASE WHEN i.indexprs IS NOT NULL THEN (SELECT string_agg("
                "'ALTER COLUMN ' || a.attnum || ' SET STATISTICS ' || a.attstattarget, ', '"
                " ORDER BY a.attnum)"
                " FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attstattarget >= 0) END",
                f"of expressions, by their place in the index, which nothing changes; {DUMPED}",
                is_setting=True,
            ),
        ),
        source="""relations r
        JOIN pg_index i ON i.indrelid = r.oid
        JOIN pg_class c ON c.oid = i.indexrelid
        LEFT JOIN pg_inherits inh ON inh.inhrelid = c.oid""",
        where="""NOT EXISTS (
            SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))""",
        comment_of=("pg_class", "c.oid", "0"),
    ).after(SCHEMAS, RELATIONS)


def sequences() -> Query:
    """Sequences with their parameters, those of identity columns included; a current value is no schema."""
    owned = "dep.refobjid IS NOT NULL"
    table = "quote_ident(tn.nspname) || '.' || quote_ident(t.relname)"
    column = f"{table} || '.' || quote_ident(a.attname)"
    return row(
        "sequence",
        name="s.name || '.' || quote_ident(c.relname)",
        table=table,
        parent=(
            f"CASE WHEN {owned} THEN 'column' ELSE 'schema' END",
            f"CASE WHEN {owned} THEN {column} ELSE s.name END",
        ),
        address="'SEQUENCE ' || s.name || '.' || quote_ident(c.relname)",
        fields=(
            Field("persistence", "CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END", DUMPED),
            Field("type", "'AS ' || format_type(q.seqtypid, NULL)", NAMES),
            Field("increment", "'INCREMENT BY ' || q.seqincrement", DUMPED),
            Field("minimum", "'MINVALUE ' || q.seqmin", DUMPED),
            Field("maximum", "'MAXVALUE ' || q.seqmax", DUMPED),
            Field("start", "'START WITH ' || q.seqstart", f"{DUMPED}; where the sequence is now is not read"),
            Field("cache", "'CACHE ' || q.seqcache", DUMPED),
            Field("cycle", "CASE WHEN q.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END", DUMPED),
            Field("owner column", f"CASE WHEN {owned} THEN 'OWNED BY ' || {column} END", NAMES),
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
    ).after(SCHEMAS)
