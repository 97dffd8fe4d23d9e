"""The role of a session, which env.py or a revision may switch; what af-db writes is the login's."""

import contextlib
import re
from collections.abc import Iterator

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.driver import psycopg2_connection, roll_back_unseen, watched_connection
from agent_factory.migrate.db.sent_statements import SentListener

_SWITCHES = re.compile(r"\bSET\b[^;]*\b(?:ROLE|AUTHORIZATION)\b|\bset_config\b", re.IGNORECASE)


def may_switch_role(statement: str) -> bool:
    """Say whether a statement may switch the session's role; af-db only takes more care then."""
    return _SWITCHES.search(statement) is not None


@contextlib.contextmanager
def switches_noted(connection: sa.Connection) -> Iterator[list[str]]:
    """Hand out a list for the statements of the block that may switch the role, by whatever cursor."""
    found: list[str] = []

    def note(sql: str, _rows: int | None) -> None:
        if may_switch_role(sql):
            found.append(sql)

    driver = watched_connection(connection)
    if driver is None:
        yield found
        return
    before, driver.listener = driver.listener, SentListener(is_meant=lambda: True, note=note)
    try:
        yield found
    finally:
        driver.listener = before


def current_role(connection: sa.Connection) -> str | None:
    """Return the role whose rights hold between two transactions; None where it cannot be asked."""
    try:
        with own_cursor(connection) as cursor:
            cursor.execute("SELECT current_user")
            ((role,),) = cursor.fetchall()
        roll_back_unseen(psycopg2_connection(connection))
    except (psycopg2.Error, sa.exc.SQLAlchemyError):
        return None
    return str(role)


def to_login(*, is_local: bool = True) -> str:
    """Return the SQL that switches to the login's role; ``is_local``: for the transaction that is open."""
    local = str(is_local).lower()
    scope = "LOCAL" if is_local else "SESSION"
    return (
        f"SELECT set_config('af_db.role', current_setting('role'), {local}), "
        f"set_config('af_db.login', session_user, {local}); "
        f"SET {scope} SESSION AUTHORIZATION DEFAULT; SET {scope} ROLE NONE"
    )


def back_again(*, is_local: bool = True) -> str:
    """Return the SQL that switches back to the login and the role that ``to_login`` has found."""
    local = str(is_local).lower()
    return (
        f"SELECT set_config('session_authorization', current_setting('af_db.login'), {local}), "
        f"set_config('role', current_setting('af_db.role'), {local})"
    )


def back_to_login(connection: sa.Connection) -> None:
    """Undo, between two transactions, what a session has switched."""
    with own_cursor(connection) as cursor:
        cursor.execute("RESET SESSION AUTHORIZATION; RESET ROLE")
        psycopg2_connection(connection).commit()


@contextlib.contextmanager
def as_login(connection: sa.Connection) -> Iterator[None]:
    """Have the login's role do what is in the block; an error leaves it so until the rollback."""
    driver = watched_connection(connection)
    is_local = driver is None or not driver.autocommit
    with own_cursor(connection) as cursor:
        cursor.execute(to_login(is_local=is_local))
        yield
        cursor.execute(back_again(is_local=is_local))
