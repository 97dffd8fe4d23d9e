"""The moment type, and the type that a new revision writes for it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from agent_factory.database.base import UTCDateTime
from agent_factory.database.models import Execution

DIALECT = sqlite.dialect()
NOON = datetime(2024, 7, 1, 12, tzinfo=UTC)


def test_a_moment_is_written_in_utc() -> None:
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    written = UTCDateTime().process_bind_param(NOON.astimezone(kathmandu), DIALECT)
    assert written == NOON
    assert written is not None
    assert written.tzinfo is UTC


@pytest.mark.parametrize(
    "stored", [NOON, NOON.replace(tzinfo=None), NOON.astimezone(timezone(timedelta(hours=-4)))]
)
def test_a_moment_is_read_in_utc(stored: datetime) -> None:
    read = UTCDateTime().process_result_value(stored, DIALECT)
    assert read == NOON
    assert read is not None
    assert read.tzinfo is UTC


def test_nothing_stays_nothing() -> None:
    assert UTCDateTime().process_bind_param(None, DIALECT) is None
    assert UTCDateTime().process_result_value(None, DIALECT) is None


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="2024-07-01T12:00:00 has no time zone"):
        UTCDateTime().process_bind_param(NOON.replace(tzinfo=None), DIALECT)


def test_an_interval_can_be_taken_from_a_moment() -> None:
    since = Execution.created_at - timedelta(hours=1)
    binds = since.compile(dialect=postgresql.dialect()).binds  # type: ignore[no-untyped-call]
    assert {(bind.value, type(bind.type)) for bind in binds.values()} == {(timedelta(hours=1), sa.Interval)}
