"""What could go wrong with a plan on production: its hazards, with their names, severity and safe form."""

from agent_factory.migrate.review.hazards.evidence import Answer, Counted, count_hits, estimates
from agent_factory.migrate.review.hazards.find import find_hazards
from agent_factory.migrate.review.hazards.registry import RULES, WORST_FIRST
from agent_factory.migrate.review.hazards.rule import Hazard, HazardRule, Severity
from agent_factory.migrate.review.hazards.rules.depends_on_data import DEPENDS_ON_DATA
from agent_factory.migrate.review.hazards.rules.irreversible import IRREVERSIBLE
from agent_factory.migrate.review.hazards.rules.needs_autocommit import find_refused
from agent_factory.migrate.review.hazards.rules.own_connection import find_own_connections

__all__ = [
    "DEPENDS_ON_DATA",
    "IRREVERSIBLE",
    "RULES",
    "WORST_FIRST",
    "Answer",
    "Counted",
    "Hazard",
    "HazardRule",
    "Severity",
    "count_hits",
    "estimates",
    "find_hazards",
    "find_own_connections",
    "find_refused",
]
