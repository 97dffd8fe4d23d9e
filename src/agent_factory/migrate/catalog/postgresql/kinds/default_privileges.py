"""Default privileges: what each list changes for one role. That for all schemas begins as the built-in."""

from collections.abc import Iterable

from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.objects import CatalogObject
from agent_factory.migrate.catalog.postgresql.expressions import grantee, role
from agent_factory.migrate.catalog.postgresql.privileges import (
    WITH_GRANT_OPTION,
    object_and_grantee,
    privileges,
)
from agent_factory.migrate.catalog.statements import statements

_OBJECTS = (
    "CASE x.kind WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'"
    " WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END"
)
_PRIVILEGE = "privilege_type || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END"
_LISTED = f"SELECT grantee, {_PRIVILEGE} AS privilege FROM aclexplode(x.acl)"
_BUILT_IN = f"SELECT grantee, {_PRIVILEGE} FROM aclexplode(x.built_in)"

_DEFAULT_PRIVILEGES = Query(
    name=f"'FOR ROLE ' || {role('x.for_role')} || coalesce(' IN SCHEMA ' || x.schema, '')"
    f" || ' ON ' || {_OBJECTS} || ' TO ' || {grantee('y.grantee')}",
    parent=("CASE WHEN x.schema IS NOT NULL THEN 'schema' END", "x.schema"),
    fields=(
        Field("given", "'GRANT ' || y.given", "sorted; left out of a comparison with another server's roles"),
        Field(
            "taken", "'REVOKE ' || y.taken", "sorted; left out of a comparison with another server's roles"
        ),
    ),
    source=f"""(
        SELECT p.defaclrole AS for_role, n.name AS schema, p.defaclobjtype AS kind, p.defaclacl AS acl,
               CASE WHEN p.defaclnamespace = 0 THEN acldefault(
                   CASE p.defaclobjtype WHEN 'S' THEN 's' ELSE p.defaclobjtype END, p.defaclrole)
               END AS built_in
        FROM pg_default_acl p LEFT JOIN schemas n ON n.oid = p.defaclnamespace
        WHERE (n.oid IS NOT NULL OR %(all)s AND p.defaclnamespace = 0)
          AND pg_get_userbyid(p.defaclrole) <> ALL (%(platform_roles)s::name[])
    ) x CROSS JOIN LATERAL (
        SELECT w.grantee, string_agg(w.privilege, ', ' ORDER BY w.privilege COLLATE "C")
                   FILTER (WHERE w.given) AS given,
               string_agg(w.privilege, ', ' ORDER BY w.privilege COLLATE "C")
                   FILTER (WHERE NOT w.given) AS taken
        FROM (SELECT g.*, true AS given FROM ({_LISTED} EXCEPT {_BUILT_IN}) g
              UNION ALL SELECT g.*, false FROM ({_BUILT_IN} EXCEPT {_LISTED}) g (grantee, privilege)) w
        GROUP BY w.grantee
    ) y""",
)


def _make(one: CatalogObject) -> str | None:
    return _alter(one.name, one.clauses)


def _drop(one: CatalogObject) -> str | None:
    """Take what was given, give what was taken."""
    opposite = {"GRANT": "REVOKE", "REVOKE": "GRANT"}
    turned = [f"{opposite[word]} {listed}" for word, _, listed in (c.partition(" ") for c in one.clauses)]
    return _alter(one.name, turned)


def _alter(name: str, clauses: Iterable[str]) -> str | None:
    """``name`` is ``FOR ROLE x IN SCHEMA y ON TABLES TO z``, each clause GRANT or REVOKE and privileges."""
    scope, to = object_and_grantee(name)
    role_and_schema, _, objects = scope.rpartition(" ON ")
    changes = []
    for text in clauses:
        word, _, listed = text.partition(" ")
        granted = privileges(listed)
        for with_option in (False, True):
            names = [name for name, option in granted.items() if option is with_option]
            if names:
                what = f"{', '.join(names)} ON {objects}"
                whom = (
                    f"TO {to}{WITH_GRANT_OPTION if with_option else ''}" if word == "GRANT" else f"FROM {to}"
                )
                changes.append(f"ALTER DEFAULT PRIVILEGES {role_and_schema} {word} {what} {whom}")
    return statements(*changes)


KINDS = (
    Kind(
        name="default privileges",
        queries=(_DEFAULT_PRIVILEGES,),
        make=_make,
        drop=_drop,
        change=lambda wanted, there: statements(_drop(there), _make(wanted)),
    ),
)
