"""Extensions; what they own is not read."""

from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.postgresql.expressions import DUMPED
from agent_factory.migrate.catalog.statements import create

_EXTENSION = Query(
    name="quote_ident(p.extname)",
    parent=("CASE WHEN n.nspname <> 'pg_catalog' THEN 'schema' END", "quote_ident(n.nspname)"),
    address="'EXTENSION ' || quote_ident(p.extname)",
    fields=(
        Field("schema", "'SCHEMA ' || quote_ident(n.nspname)", DUMPED),
        Field(
            "version",
            "'VERSION ' || quote_literal(p.extversion)",
            "it is not, on two machines: pg_dump leaves it out, and a server makes the one that it has",
            of_server=True,
        ),
    ),
    source="pg_extension p JOIN pg_namespace n ON n.oid = p.extnamespace",
    where="n.oid IN (SELECT oid FROM schemas) OR %(all)s AND n.nspname = 'pg_catalog'",
    comment_of=("pg_extension", "p.oid", "0"),
)

# CREATE EXTENSION writes the comment from the machine's own control file.
KINDS = (Kind(name="extension", queries=(_EXTENSION,), make=create("EXTENSION"), comment_is_of_server=True),)
