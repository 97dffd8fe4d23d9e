"""Who may do what in production: its roles, their memberships, and the rights on the database itself.

Owners and rights of what is in the database come with the dump. Here is what a server's databases share, so
that ``SET ROLE`` in env.py, or in a revision, finds the role there, and with the rights that it has in
production. A role of the copy has no password and may not log in.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from psycopg2 import sql

from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.driver import Cursor

_ATTRIBUTES = ("SUPERUSER", "INHERIT", "CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS")

_ROLES = """
SELECT rolname::text, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls
FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1
"""
# Since PostgreSQL 16 a membership says for itself whether it inherits, and whether SET ROLE may use it; a
# role may be given it by several.
_MEMBERSHIPS = """
SELECT pg_get_userbyid(roleid)::text, pg_get_userbyid(member)::text, bool_or(admin_option),
       bool_or((to_jsonb(m)->>'inherit_option')::bool), bool_or((to_jsonb(m)->>'set_option')::bool)
FROM pg_auth_members m WHERE pg_get_userbyid(member) !~ '^pg_' GROUP BY 1, 2 ORDER BY 1, 2
"""
_OWNER = "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()"
_GRANTED = """
SELECT CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee)::text END, a.privilege_type, a.is_grantable
FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
WHERE d.datname = current_database() ORDER BY 1, 2
"""

# A login that does not inherit from the owner's role may read nothing until it switches to that.
_READERS = """
SELECT r.rolname::text
FROM pg_roles r,
     LATERAL (SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
                AND n.nspname <> 'af_db'
                AND NOT (has_schema_privilege(r.oid, n.oid, 'USAGE')
                         AND has_table_privilege(r.oid, c.oid, 'SELECT'))) AS hidden (count)
WHERE r.rolname = current_user
   OR pg_has_role(r.oid, CASE WHEN current_setting('server_version_num')::int >= 160000
                              THEN 'SET' ELSE 'MEMBER' END)
ORDER BY hidden.count, r.rolname <> current_user, r.rolname
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role that PostgreSQL does not make itself; ``attributes`` are those of CREATE ROLE that it has."""

    name: str
    attributes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """``inherits`` and ``may_set`` are None where the server does not tell them apart: before 16."""

    group: str
    member: str
    is_admin: bool
    inherits: bool | None
    may_set: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A right on the database; ``grantee`` None is PUBLIC."""

    grantee: str | None
    privilege: str
    may_grant: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """``owner`` and ``granted`` are the database's own."""

    roles: tuple[Role, ...] = ()
    memberships: tuple[Membership, ...] = ()
    owner: str | None = None
    granted: tuple[Granted, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(role.name for role in self.roles)


def read_access(cursor: Cursor) -> Access:
    """Read it from the catalog, which any role may."""
    cursor.execute(_ROLES)
    roles = tuple(
        Role(
            name=name, attributes=frozenset(word for word, has in zip(_ATTRIBUTES, found, strict=True) if has)
        )
        for name, *found in cursor.fetchall()
    )
    cursor.execute(_MEMBERSHIPS)
    memberships = tuple(
        Membership(group=group, member=member, is_admin=admin, inherits=inherits, may_set=may_set)
        for group, member, admin, inherits, may_set in cursor.fetchall()
    )
    cursor.execute(_OWNER)
    ((owner,),) = cursor.fetchall()
    cursor.execute(_GRANTED)
    granted = tuple(
        Granted(grantee=grantee, privilege=privilege, may_grant=may_grant)
        for grantee, privilege, may_grant in cursor.fetchall()
    )
    return Access(roles=roles, memberships=memberships, owner=owner, granted=granted)


def roles_of(connection: sa.Connection) -> frozenset[str]:
    """Return the names of the roles of a server that PostgreSQL does not make itself."""
    with own_cursor(connection) as cursor:
        return frozenset(read_access(cursor).names)


def find_reader(connection: sa.Connection) -> str:
    """Return the role that may read most of the tables: the login, or one that it may switch to."""
    with own_cursor(connection) as cursor:
        cursor.execute(_READERS)
        return str(cursor.fetchall()[0][0])


def roles_there(cursor: Cursor) -> frozenset[str]:
    cursor.execute("SELECT rolname::text FROM pg_roles")
    return frozenset(name for (name,) in cursor.fetchall())


def is_superuser(cursor: Cursor) -> bool:
    cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    return cursor.fetchall() == [(True,)]


def make_roles(cursor: Cursor, access: Access) -> None:
    """Make the roles that a server of our own lacks, and their memberships; one that is there stays so."""
    new = set(access.names) - roles_there(cursor)
    _execute(cursor, (_role(role) for role in access.roles if role.name in new))
    there = roles_there(cursor)
    _execute(
        cursor,
        (
            _membership(one)
            for one in access.memberships
            if {one.group, one.member} & new and {one.group, one.member} <= there
        ),
    )


def let_roles_do_everything(cursor: Cursor, access: Access) -> None:
    """Have the roles lack no right where the migrations begin with nothing, on a server of our own.

    Nothing there is owned by, or granted to, a role but by the migrations, which are compared; so rights that
    production has besides cannot be given to the objects.
    """
    alter = sql.SQL("ALTER ROLE {} SUPERUSER")
    _execute(cursor, (alter.format(sql.Identifier(name)) for name in access.names))


def set_rights_on_database(cursor: Cursor, access: Access) -> None:
    """Give the database the owner and the rights of production's, as far as their roles are there."""
    there = roles_there(cursor)
    cursor.execute("SELECT current_database()")
    database = sql.Identifier(cursor.fetchall()[0][0])
    _execute(cursor, _rights(database, access, there))


def _role(role: Role) -> sql.Composed:
    words = [word if word in role.attributes else f"NO{word}" for word in _ATTRIBUTES]
    return sql.SQL("CREATE ROLE {} NOLOGIN {}").format(sql.Identifier(role.name), sql.SQL(" ".join(words)))


def _membership(one: Membership) -> sql.Composed:
    if one.inherits is None or one.may_set is None:
        options = "WITH ADMIN OPTION" if one.is_admin else ""
    else:
        options = f"WITH ADMIN {one.is_admin}, INHERIT {one.inherits}, SET {one.may_set}"
    grant = sql.SQL("GRANT {} TO {} {}")
    return grant.format(sql.Identifier(one.group), sql.Identifier(one.member), sql.SQL(options))


def _rights(database: sql.Identifier, access: Access, there: Collection[str]) -> Iterator[sql.Composed]:
    if access.owner is None or access.owner not in there:
        return
    owner = sql.Identifier(access.owner)
    yield sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, owner)
    yield sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC, {}").format(database, owner)
    for one in access.granted:
        if one.grantee is None or one.grantee in there:
            yield sql.SQL("GRANT {} ON DATABASE {} TO {} {}").format(
                sql.SQL(one.privilege),
                database,
                sql.SQL("PUBLIC") if one.grantee is None else sql.Identifier(one.grantee),
                sql.SQL("WITH GRANT OPTION" if one.may_grant else ""),
            )


def _execute(cursor: Cursor, statements: Iterator[sql.Composed] | Sequence[sql.Composed]) -> None:
    together = sql.SQL("; ").join(statements)
    if together.seq:
        cursor.execute(together)
