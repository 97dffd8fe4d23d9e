"""Publications, where all schemas are in scope."""

from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.objects import CatalogObject
from agent_factory.migrate.catalog.postgresql.expressions import DUMPED, NAMES, relation
from agent_factory.migrate.catalog.statements import create, drop, statements

_FOR_ALL = "FOR ALL TABLES"

_TABLES = f"""(
    SELECT string_agg({relation("m.prrelid")}, ', ' ORDER BY {relation("m.prrelid")} COLLATE "C")
    FROM pg_publication_rel m WHERE m.prpubid = p.oid)"""
_TABLE_WITH_PARTS = f"""{relation("m.prrelid")}
    || coalesce(' (' || (
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C")
        FROM pg_attribute a WHERE a.attrelid = m.prrelid AND a.attnum = ANY (m.prattrs)) || ')', '')
    || coalesce(' WHERE (' || pg_get_expr(m.prqual, m.prrelid) || ')', '')"""
_TABLES_AND_SCHEMAS = f"""nullif(concat_ws(', ',
    'TABLE ' || (SELECT string_agg(member, ', ' ORDER BY member COLLATE "C") FROM (
        SELECT {_TABLE_WITH_PARTS} AS member FROM pg_publication_rel m WHERE m.prpubid = p.oid) w),
    'TABLES IN SCHEMA ' || (
        SELECT string_agg(quote_ident(n.nspname), ', ' ORDER BY n.nspname COLLATE "C")
        FROM pg_publication_namespace m JOIN pg_namespace n ON n.oid = m.pnnspid
        WHERE m.pnpubid = p.oid)), '')"""
_GENERATED = """CASE to_jsonb(p) ->> 'pubgencols' WHEN 's' THEN ', publish_generated_columns = stored'
    ELSE '' END"""

_MEMBERS = Field(
    "tables",
    f"CASE WHEN p.puballtables THEN '{_FOR_ALL}' ELSE 'FOR ' || {_TABLES_AND_SCHEMAS} END",
    f"{NAMES}, sorted; row filters, of operators that are printed in one way alone",
    # Row filters, lists of columns and whole schemas came with version 15.
    before=(15_00_00, f"CASE WHEN p.puballtables THEN '{_FOR_ALL}' ELSE 'FOR TABLE ' || {_TABLES} END"),
)
_OPTIONS = Field(
    "options",
    "'WITH (publish = ''' || concat_ws(', ', CASE WHEN p.pubinsert THEN 'insert' END,"
    " CASE WHEN p.pubupdate THEN 'update' END, CASE WHEN p.pubdelete THEN 'delete' END,"
    " CASE WHEN p.pubtruncate THEN 'truncate' END) || ''''"
    " || CASE WHEN p.pubviaroot THEN ', publish_via_partition_root = true' ELSE '' END"
    f" || {_GENERATED} || ')'",
    DUMPED,
)

_PUBLICATION = Query(
    name="quote_ident(p.pubname)",
    address="'PUBLICATION ' || quote_ident(p.pubname)",
    fields=(_MEMBERS, _OPTIONS),
    source="pg_publication p",
    where="""%(all)s AND NOT EXISTS (
        SELECT FROM unnest(%(platform_publications)s::text[]) AS w (beginning)
        WHERE starts_with(p.pubname, w.beginning))""",
    owner="p.pubowner",
    comment_of=("pg_publication", "p.oid", "0"),
)


def _change(wanted: CatalogObject, there: CatalogObject) -> str | None:
    """ALTER PUBLICATION sets what is published and how; FOR ALL TABLES cannot be changed."""
    members, options = _MEMBERS.of(wanted), _OPTIONS.of(wanted)
    if members != _MEMBERS.of(there) and _FOR_ALL in (members, _MEMBERS.of(there)):
        return None
    new = [
        clause.removeprefix(word)
        for clause, word, other in (
            (members, "FOR ", _MEMBERS.of(there)),
            (options, "WITH ", _OPTIONS.of(there)),
        )
        if clause is not None and clause != other
    ]
    return statements(*(f"ALTER PUBLICATION {wanted.name} SET {clause}" for clause in new))


KINDS = (
    Kind(
        name="publication",
        queries=(_PUBLICATION,),
        make=create("PUBLICATION"),
        drop=drop("PUBLICATION"),
        change=_change,
    ),
)
