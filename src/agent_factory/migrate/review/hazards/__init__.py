"""What could go wrong with a plan on production: its hazards, with their names, severity and safe form."""

from agent_factory.migrate.review.hazards.blocking import estimates
from agent_factory.migrate.review.hazards.count import Answer, Counted, count_hits
from agent_factory.migrate.review.hazards.find import find_hazards
from agent_factory.migrate.review.hazards.rules import RULES, Hazard, HazardCode, HazardRule, Severity
from agent_factory.migrate.review.hazards.unfinished import find_refused

__all__ = [
    "RULES",
    "Answer",
    "Counted",
    "Hazard",
    "HazardCode",
    "HazardRule",
    "Severity",
    "count_hits",
    "estimates",
    "find_hazards",
    "find_refused",
]
