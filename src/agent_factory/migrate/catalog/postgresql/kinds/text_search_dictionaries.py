"""Text search dictionaries."""

from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.postgresql.expressions import DUMPED, not_of_extension, qualified
from agent_factory.migrate.catalog.statements import create, drop

_NAME = "s.name || '.' || quote_ident(p.dictname)"

_DICTIONARY = Query(
    name=_NAME,
    parent=("'schema'", "s.name"),
    address=f"'TEXT SEARCH DICTIONARY ' || {_NAME}",
    fields=(
        Field(
            "template",
            f"'(TEMPLATE = ' || (SELECT {qualified('tmplnamespace', 'tmplname')} FROM pg_ts_template x"
            " WHERE x.oid = p.dicttemplate) || coalesce(', ' || p.dictinitoption, '') || ')'",
            f"names, and options as they were given; {DUMPED}",
        ),
    ),
    source="schemas s JOIN pg_ts_dict p ON p.dictnamespace = s.oid",
    where=not_of_extension("pg_ts_dict", "p.oid"),
    owner="p.dictowner",
    comment_of=("pg_ts_dict", "p.oid", "0"),
)

KINDS = (
    Kind(
        name="text search dictionary",
        queries=(_DICTIONARY,),
        make=create("TEXT SEARCH DICTIONARY"),
        drop=drop("TEXT SEARCH DICTIONARY"),
    ),
)
