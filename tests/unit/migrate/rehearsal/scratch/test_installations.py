"""Which PostgreSQL stands in for which."""

from pathlib import Path

import pytest

from agent_factory.migrate.rehearsal.scratch.installations import Installation, order_for_server


def installations(majors: list[int], *, from_wheel: bool) -> tuple[Installation, ...]:
    return tuple(
        Installation(bin_dir=Path(f"/{from_wheel}/{major}"), major=major, from_wheel=from_wheel)
        for major in majors
    )


@pytest.mark.parametrize(
    ("local", "wheel", "major", "order"),
    [
        pytest.param([15, 18], [16, 18], 18, ["18", "18 wheel", "16 wheel"], id="an equal local one first"),
        pytest.param([15], [16, 18], 16, ["16 wheel", "18 wheel"], id="else the wheel's equal one"),
        pytest.param([], [16, 18], 15, ["16 wheel", "18 wheel"], id="the nearest newer one"),
        pytest.param([17], [16, 18], 15, ["16 wheel", "17", "18 wheel"], id="nearer before local"),
        pytest.param([18], [16, 18], 17, ["18", "18 wheel", "16 wheel"], id="of equally near ones the local"),
        pytest.param([15], [16, 18], 19, ["18 wheel", "16 wheel"], id="the newest of the wheel at last"),
        pytest.param([15], [], 16, [], id="no older local one"),
    ],
)
def test_the_order(local: list[int], wheel: list[int], major: int, order: list[str]) -> None:
    found = order_for_server(
        installations(local, from_wheel=False), installations(wheel, from_wheel=True), major
    )
    assert [f"{item.major}{' wheel' if item.from_wheel else ''}" for item in found] == order
