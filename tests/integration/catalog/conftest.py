"""A sample database on each version of PostgreSQL, and empty databases beside it."""

import contextlib
import uuid
from collections.abc import Callable, Iterator

import pytest

from agent_factory.migrate.rehearsal.scratch.installations import Installation
from tests.integration.catalog.databases import (
    TEMPLATE,
    Sample,
    drop_database,
    each_installation,
    installations,
    make_database,
    sample_on,
)

SampleOn = Callable[[Installation], Sample]


@pytest.fixture(scope="session")
def samples() -> Iterator[SampleOn]:
    """Makes the sample on a version when a test asks for it first; the servers go with the session."""
    made: dict[int, Sample] = {}
    with contextlib.ExitStack() as stack:

        def sample_of(installation: Installation) -> Sample:
            if installation.major not in made:
                made[installation.major] = stack.enter_context(sample_on(installation))
            return made[installation.major]

        yield sample_of


@pytest.fixture(scope="session", params=each_installation())
def sample(request: pytest.FixtureRequest, samples: SampleOn) -> Sample:
    """The sample on each version in turn. What a test changes in it, it has to roll back."""
    return samples(request.param)


@pytest.fixture(scope="session")
def newest_sample(samples: SampleOn) -> Sample:
    """The sample on the newest version."""
    return samples(installations()[-1])


@pytest.fixture
def copy_of_sample(sample: Sample) -> Iterator[str]:
    """The name of a copy of the sample, for what cannot be rolled back."""
    name = f"copy_{uuid.uuid4().hex}"
    make_database(sample.server, name, template=TEMPLATE)
    yield name
    drop_database(sample.server, name)


@pytest.fixture
def empty(sample: Sample) -> Iterator[str]:
    """The name of an empty database on the sample's server."""
    name = f"empty_{uuid.uuid4().hex}"
    make_database(sample.server, name)
    yield name
    drop_database(sample.server, name)
