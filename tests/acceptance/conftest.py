"""What several of these tests have around them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_factory.url import DatabaseURL
from tests.runners import Site, making_site


@pytest.fixture
def site(tmp_path: Path, postgresql_url: str, server_url: DatabaseURL, scratch_server: str) -> Iterator[Site]:
    """Production is at 002, as ``main`` is; ``feature``, which is checked out, adds 003."""
    with making_site(tmp_path, postgresql_url, server_url, scratch_server) as it:
        yield it
