"""A run that waits for its time of day."""

import signal
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from tests.commands import start_process
from tests.integration.preflight.conftest import Site


def in_(seconds: float) -> str:
    return f"{datetime.now(UTC) + timedelta(seconds=seconds):%H:%M} UTC"


def test_it_is_past_and_nobody_is_asked(site: Site) -> None:
    outcome = site.run("upgrade", "--yes", "--json", "--not-before", in_(-3600))

    assert (outcome.code, outcome.error["code"]) == (4, "too-late")
    assert (
        "UTC was 60 min ago" in outcome.error["message"] or "UTC was 61 min ago" in outcome.error["message"]
    )
    assert site.run("current").out == "001\n"


def test_it_is_waited_for_and_ctrl_c_ends_that(site: Site) -> None:
    command = ("prod", "upgrade", "--yes", "--not-before", in_(3600))
    process = start_process(*command, cwd=site.project.root, url=site.url, anew=True)
    assert isinstance(process, subprocess.Popen)
    with process:
        assert process.stderr is not None
        said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        code = process.wait(20)

    assert "waits for" in said
    assert code == 130
    assert site.run("current").out == "001\n"


@pytest.mark.parametrize("typed", ["25:00", "soon", "02:00 Nowhere/City"])
def test_no_time_of_day(site: Site, typed: str) -> None:
    outcome = site.run("upgrade", "--yes", "--json", "--not-before", typed)

    assert (outcome.code, outcome.error["code"]) == (2, "usage")


def test_then_it_runs(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    left = "agent_factory.migrate.workflows.not_before.read_seconds_until"
    monkeypatch.setattr(left, lambda *_asked: 0.3)

    outcome = site.run("upgrade", "--yes", "--not-before", "02:00")

    assert outcome.code == 0, outcome.err
    assert "waits for 02:00, 300 ms from now" in outcome.err
    assert site.run("current").out == "002 (head)\n"
