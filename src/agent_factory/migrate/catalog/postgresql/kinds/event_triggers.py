"""Event triggers, where all schemas are in scope."""

from agent_factory.migrate.catalog.kind import RECREATE, Field, Kind, Query
from agent_factory.migrate.catalog.objects import CatalogObject
from agent_factory.migrate.catalog.postgresql.expressions import DUMPED, NAMES, not_of_extension
from agent_factory.migrate.catalog.postgresql.firing import enabled
from agent_factory.migrate.catalog.statements import changed_fields, drop, statements

_ENABLED = enabled("p.evtenabled")

_EVENT_TRIGGER = Query(
    name="quote_ident(p.evtname)",
    address="'EVENT TRIGGER ' || quote_ident(p.evtname)",
    fields=(
        Field("event", "'ON ' || p.evtevent", DUMPED),
        Field(
            "commands",
            "'WHEN TAG IN (' || (SELECT string_agg(quote_literal(tag), ', ' ORDER BY tag COLLATE \"C\")"
            " FROM unnest(p.evttags) AS tag) || ')'",
            f"sorted; {DUMPED}",
        ),
        Field("function", "'EXECUTE FUNCTION ' || f.oid::regprocedure", NAMES),
        _ENABLED,
    ),
    source="pg_event_trigger p JOIN pg_proc f ON f.oid = p.evtfoid",
    where=f"""%(all)s AND f.pronamespace IN (SELECT oid FROM schemas)
      AND {not_of_extension("pg_event_trigger", "p.oid")}""",
    owner="p.evtowner",
    comment_of=("pg_event_trigger", "p.oid", "0"),
)


def _make(one: CatalogObject) -> str | None:
    enabled = _ENABLED.of(one)
    words = " ".join(text for text in one.clauses if text != enabled)
    switch = [f"ALTER EVENT TRIGGER {one.name} {enabled}"] if enabled else []
    return statements(f"CREATE EVENT TRIGGER {one.name} {words}", *switch)


def _change(wanted: CatalogObject, there: CatalogObject) -> str:
    if changed_fields(_EVENT_TRIGGER.fields, wanted, there) != (_ENABLED,):
        return RECREATE
    return f"ALTER EVENT TRIGGER {wanted.name} {_ENABLED.of(wanted) or 'ENABLE'}"


KINDS = (
    Kind(
        name="event trigger",
        queries=(_EVENT_TRIGGER,),
        make=_make,
        drop=drop("EVENT TRIGGER"),
        change=_change,
    ),
)
