"""The one list of hazards: the modules of ``rules/``, from which docs, reports and ``--allow`` take them."""

import importlib
import pkgutil
from types import ModuleType

from agent_factory.migrate.review.hazards import rules
from agent_factory.migrate.review.hazards.rule import HazardRule


def read_rules(package: ModuleType) -> dict[str, HazardRule]:
    """Return the rule of each module of the package by its code, in the order of their numbers.

    The module ``deletes_data`` has the rule ``deletes-data`` as ``DELETES_DATA``. Raises ValueError where one
    does not, and where two rules share a number or a rank.
    """
    found = [_rule_of(package.__name__, module.name) for module in pkgutil.iter_modules(package.__path__)]
    for shared in ("number", "rank"):
        if len({getattr(rule, shared) for rule in found}) < len(found):
            raise ValueError(f"two hazards of {package.__name__} have one {shared}")
    return {rule.code: rule for rule in sorted(found, key=lambda rule: rule.number)}


def _rule_of(package: str, name: str) -> HazardRule:
    rule = getattr(importlib.import_module(f"{package}.{name}"), name.upper(), None)
    if not isinstance(rule, HazardRule) or rule.code != name.replace("_", "-"):
        raise ValueError(f"{package}.{name} has to define {name.upper()}, the rule {name.replace('_', '-')}")
    return rule


RULES = read_rules(rules)
"""All hazards by their codes."""
WORST_FIRST = tuple(sorted(RULES, key=lambda code: RULES[code].rank))
"""Their codes in the order in which a summary names them: what cannot be had back, what fails, what waits,
the rest."""
