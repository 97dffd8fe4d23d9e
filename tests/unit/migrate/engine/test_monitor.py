"""How often a server that refuses the monitor's connection is asked again."""

import itertools

from agent_factory.migrate.engine.monitor import FIRST_PAUSE_S, LONGEST_PAUSE_S, next_pause_s


def test_each_pause_is_twice_the_last_one_within_limits() -> None:
    pauses = [next_pause_s(0)]
    while pauses[-1] < LONGEST_PAUSE_S:
        pauses.append(next_pause_s(pauses[-1]))

    assert pauses[0] == FIRST_PAUSE_S
    assert all(later in (2 * one, LONGEST_PAUSE_S) for one, later in itertools.pairwise(pauses))
    assert next_pause_s(pauses[-1]) == LONGEST_PAUSE_S
