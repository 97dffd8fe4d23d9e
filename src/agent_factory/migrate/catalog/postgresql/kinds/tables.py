"""Tables, foreign tables, views and materialized views: what pg_class has, but indexes and sequences."""

import re

from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.objects import CatalogObject
from agent_factory.migrate.catalog.postgresql.expressions import DUMPED, NAMES, PRINTED, options, relation
from agent_factory.migrate.catalog.postgresql.kinds.columns import COLUMN
from agent_factory.migrate.catalog.postgresql.kinds.populated import POPULATED
from agent_factory.migrate.catalog.postgresql.storage_options import set_and_reset
from agent_factory.migrate.catalog.statements import changed_fields, drop

_VIEW_COLUMNS = """
    (SELECT string_agg(
        quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
     FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)"""
_VIEW_DEFAULTS = """
    (SELECT 'DEFAULTS (' || string_agg(
        quote_ident(a.attname) || ' ' || pg_get_expr(x.adbin, x.adrelid), ', ' ORDER BY a.attnum) || ')'
     FROM pg_attribute a JOIN pg_attrdef x ON x.adrelid = a.attrelid AND x.adnum = a.attnum
     WHERE a.attrelid = c.oid)"""
_STORAGE_OPTIONS = """
    (SELECT string_agg(o, ', ' ORDER BY o COLLATE "C") FROM (
        SELECT unnest(c.reloptions) UNION ALL SELECT 'toast.' || unnest(toast.reloptions)) AS o (o))"""
_FOREIGN_SERVER = f"""
    (SELECT 'SERVER ' || quote_ident(f.srvname) || {options("t.ftoptions")}
     FROM pg_foreign_table t JOIN pg_foreign_server f ON f.oid = t.ftserver WHERE t.ftrelid = c.oid)"""

PERSISTENCE = Field("persistence", "CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END", DUMPED)
COLUMNS = Field(
    "columns of a view",
    f"CASE WHEN c.relkind IN ('v', 'm') THEN '(' || {_VIEW_COLUMNS} || ')' END",
    "names and types in the order of the view, which pg_dump keeps; no column number is read",
)
VIEW_DEFAULTS = Field(
    "defaults of a view's columns",
    f"CASE c.relkind WHEN 'v' THEN {_VIEW_DEFAULTS} END",
    PRINTED,
    is_printed=True,
)
PARENTS = Field(
    "parents",
    "CASE WHEN c.relispartition"
    " THEN 'PARTITION OF ' || parents.names || ' ' || pg_get_expr(c.relpartbound, c.oid)"
    " ELSE 'INHERITS (' || parents.names || ')' END",
    f"names in the order of INHERITS; the bound: {PRINTED}",
    is_printed=True,
)
ACCESS_METHOD = Field(
    "access method",
    "CASE WHEN c.relam <> 0 THEN (SELECT 'USING ' || quote_ident(m.amname) FROM pg_am m"
    " WHERE m.oid = c.relam AND m.amname <> 'heap') END",
    "a name; pg_dump sets default_table_access_method where it changes",
    is_setting=True,
)
OPTIONS = Field(
    "storage options",
    "CASE WHEN c.reloptions IS NOT NULL OR toast.reloptions IS NOT NULL"
    f" THEN 'WITH (' || {_STORAGE_OPTIONS} || ')' END",
    f"sorted, those of the TOAST table included; {DUMPED}. Of a view they are part of its definition",
    is_setting=True,
)
ROW_SECURITY = Field(
    "row level security", "CASE WHEN c.relrowsecurity THEN 'ENABLE ROW LEVEL SECURITY' END", DUMPED
)
ROW_SECURITY_FOR_OWNER = Field(
    "row level security for the owner",
    "CASE WHEN c.relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END",
    DUMPED,
)
REPLICA_IDENTITY = Field(
    "replica identity",
    "CASE WHEN c.relkind IN ('r', 'p') THEN 'REPLICA IDENTITY ' || CASE c.relreplident"
    " WHEN 'f' THEN 'FULL' WHEN 'n' THEN 'NOTHING' WHEN 'i' THEN"
    " (SELECT 'USING INDEX ' || quote_ident(x.relname) FROM pg_index i"
    " JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid AND i.indisreplident)"
    " END END",
    DUMPED,
    is_setting=True,
)
CLUSTER_INDEX = Field(
    "cluster index",
    "'CLUSTER ON ' || quote_ident(clustered.relname)",
    f"the index's name; {DUMPED}",
    is_setting=True,
)
VIEW_QUERY = Field(
    "query of a view",
    "CASE WHEN c.relkind IN ('v', 'm') THEN 'AS ' || btrim(pg_get_viewdef(c.oid), ' ;') END",
    PRINTED,
    is_printed=True,
)

_RELATION = Query(
    kind="r.kind",
    name="r.name",
    table="r.name",
    parent=(
        "CASE WHEN c.relispartition THEN 'table' ELSE 'schema' END",
        "CASE WHEN c.relispartition THEN parents.names ELSE r.schema END",
    ),
    address="upper(r.kind) || ' ' || r.name",
    fields=(
        PERSISTENCE,
        Field("kind", "upper(r.kind)", "a constant for each relkind"),
        Field("type", "CASE WHEN c.reloftype <> 0 THEN 'OF ' || format_type(c.reloftype, NULL) END", NAMES),
        COLUMNS,
        VIEW_DEFAULTS,
        PARENTS,
        Field(
            "partition key",
            "CASE c.relkind WHEN 'p' THEN 'PARTITION BY ' || pg_get_partkeydef(c.oid) END",
            PRINTED,
            is_printed=True,
        ),
        ACCESS_METHOD,
        Field("foreign server", f"CASE c.relkind WHEN 'f' THEN {_FOREIGN_SERVER} END", DUMPED),
        OPTIONS,
        ROW_SECURITY,
        ROW_SECURITY_FOR_OWNER,
        REPLICA_IDENTITY,
        CLUSTER_INDEX,
        VIEW_QUERY,
    ),
    source=f"""relations r
    JOIN pg_class c ON c.oid = r.oid
    LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
    LEFT JOIN (SELECT i.inhrelid, string_agg({relation("i.inhparent")}, ', ' ORDER BY i.inhseqno) AS names
               FROM pg_inherits i JOIN relations r ON r.oid = i.inhrelid GROUP BY i.inhrelid) parents
      ON parents.inhrelid = c.oid
    LEFT JOIN (SELECT i.indrelid, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
               WHERE i.indisclustered) clustered ON clustered.indrelid = c.oid""",
    where="r.relkind <> 'c'",
    owner="c.relowner",
    acl=("c.relacl", "r"),
    comment_of=("pg_class", "c.oid", "0"),
)

_OFF = {  # what can be altered, and how it is taken away
    PERSISTENCE: "SET LOGGED",
    ROW_SECURITY: "DISABLE ROW LEVEL SECURITY",
    ROW_SECURITY_FOR_OWNER: "NO FORCE ROW LEVEL SECURITY",
    REPLICA_IDENTITY: "REPLICA IDENTITY DEFAULT",
    CLUSTER_INDEX: "SET WITHOUT CLUSTER",
}
_PARTITION = re.compile(r"PARTITION OF (?P<parent>.+?) (?P<bound>FOR VALUES .*|DEFAULT)")


def _change_table(wanted: CatalogObject, there: CatalogObject) -> str | None:
    """ALTER TABLE for what can be switched; what a table is made of cannot."""
    changed = changed_fields(_RELATION.fields, wanted, there)
    if changed == (PARENTS,) and PARENTS.of(there) is None:
        attached = _PARTITION.fullmatch(PARENTS.of(wanted) or "")
        if attached is not None:
            return f"ALTER TABLE {attached['parent']} ATTACH PARTITION {wanted.name} {attached['bound']}"
    if any(field not in _OFF and field is not OPTIONS for field in changed):
        return None
    on = [text for field in changed if field in _OFF and (text := field.of(wanted)) is not None]
    off = [_OFF[field] for field in changed if field in _OFF and field.of(wanted) is None]
    actions = ["SET UNLOGGED" if text == "UNLOGGED" else text for text in on]
    actions += [*off, *set_and_reset(OPTIONS.of(wanted), OPTIONS.of(there))]
    return f"ALTER {wanted.kind.upper()} {wanted.name} {', '.join(actions)}"


def _make_view(one: CatalogObject) -> str:
    parts = (field.of(one) for field in (ACCESS_METHOD, OPTIONS, VIEW_QUERY))
    return " ".join((f"CREATE {one.kind.upper()} {one.name}", *(part for part in parts if part)))


def _change_view(wanted: CatalogObject, there: CatalogObject) -> str | None:
    """CREATE OR REPLACE VIEW can add columns at the end, and no more."""
    if VIEW_QUERY.of(wanted) == VIEW_QUERY.of(there):
        actions = set_and_reset(OPTIONS.of(wanted), OPTIONS.of(there))
        return f"ALTER VIEW {wanted.name} {actions[0]}" if len(actions) == 1 else None
    columns, others = (str(COLUMNS.of(one))[1:-1] for one in (wanted, there))
    if columns != others and not columns.startswith(f"{others}, "):
        return None
    return _make_view(wanted).replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)


def _change_materialized_view(wanted: CatalogObject, there: CatalogObject) -> str | None:
    return _change_table(wanted, there) if VIEW_QUERY.of(wanted) == VIEW_QUERY.of(there) else None


KINDS = (
    Kind(name="table", queries=(_RELATION,), change=_change_table, shown_with=COLUMN),
    Kind(name="foreign table", queries=(_RELATION,), drop=drop("FOREIGN TABLE"), shown_with=COLUMN),
    Kind(
        name="view",
        queries=(_RELATION,),
        make=_make_view,
        drop=drop("VIEW"),
        change=_change_view,
        defined_by=(OPTIONS,),
    ),
    Kind(
        name="materialized view",
        queries=(_RELATION,),
        make=_make_view,
        drop=drop("MATERIALIZED VIEW"),
        change=_change_materialized_view,
        filled_by=POPULATED,
    ),
)
