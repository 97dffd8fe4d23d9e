"""Foreign servers, where all schemas are in scope."""

from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.postgresql.expressions import DUMPED, NAMES, not_of_extension, options
from agent_factory.migrate.catalog.statements import drop

_HARMLESS_OPTIONS = ("host", "hostaddr", "port", "dbname", "fetch_size", "use_remote_estimate")
"""Of other options of a server only the names are shown: some wrappers keep keys there."""

_SERVER = Query(
    name="quote_ident(p.srvname)",
    address="'SERVER ' || quote_ident(p.srvname)",
    fields=(
        Field("type", "'TYPE ' || quote_literal(p.srvtype)", DUMPED),
        Field("version", "'VERSION ' || quote_literal(p.srvversion)", f"what CREATE SERVER said; {DUMPED}"),
        Field("wrapper", "'FOREIGN DATA WRAPPER ' || quote_ident(w.fdwname)", NAMES),
        Field(
            "options",
            f"nullif(ltrim({options('p.srvoptions', values_of=_HARMLESS_OPTIONS)}), '')",
            "sorted, of secrets the names alone; a copy is made without them, so that nothing connects",
        ),
    ),
    source="pg_foreign_server p JOIN pg_foreign_data_wrapper w ON w.oid = p.srvfdw",
    where=f"%(all)s AND {not_of_extension('pg_foreign_server', 'p.oid')}",
    owner="p.srvowner",
    acl=("p.srvacl", "S"),
    comment_of=("pg_foreign_server", "p.oid", "0"),
)

KINDS = (Kind(name="foreign server", queries=(_SERVER,), drop=drop("SERVER")),)
