"""Text search configurations."""

from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.postgresql.expressions import NAMES, not_of_extension, qualified
from agent_factory.migrate.catalog.statements import drop

_NAME = "s.name || '.' || quote_ident(p.cfgname)"

_CONFIGURATION = Query(
    name=_NAME,
    parent=("'schema'", "s.name"),
    address=f"'TEXT SEARCH CONFIGURATION ' || {_NAME}",
    fields=(
        Field(
            "parser",
            f"'(PARSER = ' || (SELECT {qualified('prsnamespace', 'prsname')} FROM pg_ts_parser x"
            " WHERE x.oid = p.cfgparser) || ')'",
            NAMES,
        ),
        Field(
            "dictionaries",
            """(SELECT string_agg(w.mapping, ', ' ORDER BY w.mapping COLLATE "C") FROM (
                SELECT k.alias || ' WITH '
                       || string_agg(w.mapdict::regdictionary::text, ', ' ORDER BY w.mapseqno) AS mapping
                FROM pg_ts_config_map w JOIN ts_token_type(p.cfgparser) k ON k.tokid = w.maptokentype
                WHERE w.mapcfg = p.oid GROUP BY k.alias) w)""",
            f"{NAMES}, by kind of token, in the order in which they are asked",
        ),
    ),
    source="schemas s JOIN pg_ts_config p ON p.cfgnamespace = s.oid",
    where=not_of_extension("pg_ts_config", "p.oid"),
    owner="p.cfgowner",
    comment_of=("pg_ts_config", "p.oid", "0"),
)

KINDS = (
    Kind(
        name="text search configuration",
        queries=(_CONFIGURATION,),
        drop=drop("TEXT SEARCH CONFIGURATION"),
    ),
)
