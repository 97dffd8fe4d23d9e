"""The role of a session, which env.py or a revision may switch; what af-db writes is the login's."""

import contextlib
import re
from collections.abc import Iterator

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.driver import psycopg2_connection, roll_back_unseen, watched_connection

_SWITCHES = re.compile(r"\bSET\b[^;]*\bROLE\b|\bset_config\b", re.IGNORECASE)


def may_switch_role(statement: str) -> bool:
    """Say whether a statement may switch the session's role; af-db only takes more care then."""
    return _SWITCHES.search(statement) is not None


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
    return (
        f"SELECT set_config('af_db.role', current_setting('role'), {local}), "
        f"set_config('role', 'none', {local})"
    )


def back_again(*, is_local: bool = True) -> str:
    """Return the SQL that switches back to the role that ``to_login`` has found."""
    return f"SELECT set_config('role', current_setting('af_db.role'), {str(is_local).lower()})"


@contextlib.contextmanager
def as_login(connection: sa.Connection) -> Iterator[None]:
    """Have the login's role do what is in the block; an error leaves it so until the rollback."""
    driver = watched_connection(connection)
    is_local = driver is None or not driver.autocommit
    with own_cursor(connection) as cursor:
        cursor.execute(to_login(is_local=is_local))
        yield
        cursor.execute(back_again(is_local=is_local))
