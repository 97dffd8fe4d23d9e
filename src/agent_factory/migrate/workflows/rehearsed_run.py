"""A run and its rehearsal: what was seen before it, and whether it came out the same."""

from collections.abc import Mapping, Sequence

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.catalog import NO_SPELLINGS, Catalog, Difference, Spellings, compare, read_catalog
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.sent_statements import ExpectedStatements
from agent_factory.migrate.journal.records import newest_of_others
from agent_factory.migrate.model.errors import (
    UNCHANGED,
    CannotConnectError,
    PartiallyAppliedError,
    RefusedError,
)
from agent_factory.migrate.model.events import Warned
from agent_factory.migrate.model.options import RehearsalOptions
from agent_factory.migrate.model.plan import Plan
from agent_factory.migrate.model.results import AppliedRevision
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.model.version_table import VersionTable
from agent_factory.migrate.project import Project
from agent_factory.migrate.rehearsal.copies import COPIED
from agent_factory.migrate.rehearsal.replay import scratch_like
from agent_factory.migrate.rehearsal.run import Rehearsal
from agent_factory.migrate.rehearsal.scratch import ScratchUnavailableError
from agent_factory.migrate.rehearsal.spellings import Printed, restored_spellings
from agent_factory.migrate.review import saved_plan
from agent_factory.migrate.review.build import PlanResult
from agent_factory.migrate.review.consents import DRIFT, flag_for, needs_consent
from agent_factory.migrate.review.saved_plan import SavedPlan
from agent_factory.migrate.workflows.plan import (
    consent_flag,
    depending_on_data,
    fingerprint,
    not_compared,
    review_plan,
)
from agent_factory.migrate.workflows.status import describe

SHOWN_DIFFERENCES = 20


class RehearsedRun:
    """What is known of one plan from its rehearsal to its end. ``local`` rehearses nothing.

    ``result`` is the reviewed plan, None where it was not asked for, and ``warnings`` go with it. It is
    data: it is made in the process of the rehearsal, and used in that of the run.
    """

    def __init__(
        self,
        project: Project,
        target: Target,
        plan: Plan,
        table: VersionTable,
        read_connection: sa.Connection,
        options: RehearsalOptions,
        saved: SavedPlan | None,
    ) -> None:
        self._target = target
        self._plan = plan
        self._table = table
        self._saved = saved
        self._allowed = options.allow
        self._scratch_url = options.scratch_url
        self._rehearsal: Rehearsal | None = None
        self._newest_of_others = 0
        self.result: PlanResult | None = None
        if target.environment is Environment.PROD and options.wanted:
            allowed = (*options.allow, *(saved.allowed if saved else ()))
            try:
                review, self._rehearsal = review_plan(project, target, plan, table, read_connection, options)
            except RefusedError:
                self._check_saved(project, read_connection)  # what has changed may be why it fails
                raise
            self.result = PlanResult(
                database=str(target),
                before=describe(project, plan.before),
                review=review,
                allow=consent_flag(review, target, allowed),
                saved=None,
            )
            if review.drift and DRIFT not in allowed:
                raise self._drifted(review.drift, self.result.allow)
        self.warnings: tuple[Warned, ...] = not_compared(self._rehearsal)
        self._check_saved(project, read_connection)
        if saved is not None and self._rehearsal is None:
            # What was found at the review counts here too, though it cannot be found again.
            flag = flag_for(saved.needed, (*options.allow, *saved.allowed))
            if flag:
                raise needs_consent(target, flag)

    @property
    def expected(self) -> Mapping[str, ExpectedStatements]:
        """What each revision is to send: the saved plan's, else the rehearsal's; empty without either."""
        sent = self._rehearsal.sent if self._rehearsal is not None else {}
        found = {id_: ExpectedStatements(statements=statements) for id_, statements in sent.items()}
        return {**found, **self._saved.expected(self._allowed)} if self._saved is not None else found

    def check_again(self, project: Project, connection: sa.Connection) -> None:
        """Raise RefusedError when the database is not any more what the plan was made for."""
        self._check_saved(project, connection)
        if self._rehearsal is None:
            return
        self._newest_of_others = newest_of_others(connection, self._table)
        changed = compare(self._rehearsal.original, read_catalog(connection, COPIED))
        if changed:
            raise RefusedError(
                "plan-changed",
                "the schema has changed since the plan was rehearsed:\n" + _listed(changed),
                state="unchanged by this run",
                next_steps=(f"review the new plan: {self._target.command(self._plan.command)}",),
            )

    def check_reached(self, applied: Sequence[AppliedRevision]) -> None:
        """Raise PartiallyAppliedError when the database's schema differs from the rehearsal's."""
        if self._rehearsal is None:
            return
        try:
            with connect(self._target, read_only=True) as connection:
                reached = read_catalog(connection, COPIED)
                others_ran = newest_of_others(connection, self._table) != self._newest_of_others
                differences = self._rehearsal.find_surprises(reached, others_ran=others_ran)
                if differences and self._rehearsal.may_be_other_words(reached):
                    differences = self._rehearsal.find_surprises(
                        reached, self._learn(reached, connection), others_ran=others_ran
                    )
        except (CannotConnectError, sa.exc.SQLAlchemyError, psycopg2.Error) as error:
            raise PartiallyAppliedError(
                "not-looked-at",
                f"every revision ran; whether the schema is as rehearsed could not be checked: {error}",
                state=f"at {', '.join(self._plan.after) or 'base'}",
                next_steps=(f"when the database answers again: {self._target.command('check')}",),
            ) from error
        if differences:
            raise PartiallyAppliedError(
                "not-as-rehearsed",
                "every revision ran, but the schema differs from the rehearsal's:\n"
                + "\n".join((_listed(differences), *_other_statements(applied))),
                state=f"at {', '.join(self._plan.after) or 'base'}, with these differences",
                next_steps=(
                    "did a revision act differently on these rows, or did somebody change the schema?",
                ),
            )

    def _learn(self, reached: Catalog, connection: sa.Connection) -> Spellings:
        """Return in what other words the reached schema is printed once it is restored, as the copy was."""
        try:
            with scratch_like(self._target, connection, scratch_url=self._scratch_url) as scratch:
                printed = Printed(catalog=reached, target=self._target, connection=connection)
                return restored_spellings(printed, COPIED, scratch, self._scratch_url)
        except ScratchUnavailableError:
            return NO_SPELLINGS

    def _drifted(self, drift: Sequence[Difference], flag: str) -> RefusedError:
        remedies = [f"{item.remedy};" for item in drift if item.remedy]
        return RefusedError(
            "drift",
            "tables that the plan touches differ from what the migrations make:\n" + _listed(drift),
            state=UNCHANGED,
            next_steps=(
                f"see what else has drifted: {self._target.command('check')}",
                *([f"undo the drift: {' '.join(remedies)}"] if remedies else []),
                "put what must stay into a revision of its own",
                f"or accept the drift: {self._target.again(flag)}",
            ),
        )

    def _check_saved(self, project: Project, connection: sa.Connection) -> None:
        if self._saved is not None:
            now = fingerprint(
                project,
                self._target,
                self._plan,
                self._table,
                connection,
                self._rehearsal,
                needed=self._saved.needed,
                allowed=self._saved.allowed,
                depending=depending_on_data(self.result.review) if self.result is not None else (),
                saved=self._saved,
            )
            saved_plan.check(self._saved, now)


def _other_statements(applied: Sequence[AppliedRevision]) -> list[str]:
    return [f"{item.revision} {item.other_statements}" for item in applied if item.other_statements]


def _listed(differences: Sequence[Difference]) -> str:
    lines = [f"  {difference}" for difference in differences[:SHOWN_DIFFERENCES]]
    if len(differences) > SHOWN_DIFFERENCES:
        lines.append(f"  and {len(differences) - SHOWN_DIFFERENCES} more")
    return "\n".join(lines)
