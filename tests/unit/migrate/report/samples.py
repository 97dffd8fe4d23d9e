"""Reviewed plans as they come from a rehearsal, made by hand so that the reports are tested without one."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from agent_factory.migrate.model.events import Warned
from agent_factory.migrate.model.locks import Blocks, LockMode
from agent_factory.migrate.model.plan import Direction, Plan, Revision
from agent_factory.migrate.model.results import CurrentHead
from agent_factory.migrate.review.build import (
    PlanResult,
    Review,
    ReviewedRevision,
    ReviewedStatement,
    TouchedTable,
)
from agent_factory.migrate.review.forecast import Estimate
from agent_factory.migrate.review.hazards import RULES, Hazard, Severity

ROLLBACK = "until its revision is committed, a rollback undoes it"


def revision(id_: str, message: str, parents: Sequence[str]) -> Revision:
    file = f"{id_}_{'_'.join(message.split()[:4])}.py"
    return Revision(
        id=id_,
        message=message,
        path=Path("/srv/shop/alembic/versions", file),
        parents=tuple(parents),
        branch_labels=(),
        is_head=False,
    )


def table(
    name: str,
    lock: LockMode,
    *,
    rewrites: bool = False,
    scans: bool = False,
    is_new: bool = False,
    held_since: int | None = None,
    rows: int | None = 2_000_000,
    bytes_: int | None = 310_000_000,
) -> TouchedTable:
    return TouchedTable(
        name=name,
        lock=lock.sql,
        blocks=Blocks.NOTHING if is_new else lock.blocks,
        rewrites=rewrites,
        scans=scans,
        is_new=is_new,
        held_since=held_since,
        rows=None if is_new else rows,
        bytes=None if is_new else bytes_,
    )


def statement(
    number: int,
    sql: str,
    *tables: TouchedTable,
    seconds: float | None = 0.01,
    how: str = "a change to the catalog",
    holding: Sequence[str] = (),
    times: int = 1,
    transactional: bool = True,
    undo: str = ROLLBACK,
    blocks_of: TouchedTable | None = None,
) -> ReviewedStatement:
    """A statement; ``blocks_of`` is a table that an earlier one keeps locked."""
    order = list(Blocks)
    blocking = [*tables, *([blocks_of] if blocks_of else [])]
    return ReviewedStatement(
        number=number,
        sql=sql,
        times=times,
        transactional=transactional,
        tables=tables,
        holding=tuple(holding),
        blocks=max((touched.blocks for touched in blocking), key=order.index, default=Blocks.NOTHING),
        estimate=None if seconds is None else Estimate(seconds=seconds, how=how),
        undo=undo,
    )


def reviewed(
    step: Revision,
    statements: Iterable[ReviewedStatement],
    *,
    undo: str | None = None,
    shown: bool = True,
    why_not: str = "",
) -> ReviewedRevision:
    listed = tuple(statements)
    return ReviewedRevision(
        revision=step,
        transactional=all(item.transactional for item in listed),
        statements=listed,
        undo=f"downgrade {step.parents[0] if step.parents else 'base'}" if undo is None else undo,
        shown=shown,
        why_not=why_not,
    )


def result(
    revisions: Iterable[ReviewedRevision],
    *,
    hazards: Sequence[Hazard] = (),
    direction: Direction = Direction.UPGRADE,
    before: Sequence[str] = ("0001",),
    notes: Sequence[str] = (),
    warnings: Sequence[Warned] = (),
    rehearsed_on: str | None = "PostgreSQL 18 of the extra agent-factory[rehearsal]",
    saved: Path | None = None,
    database: str = "shop on db.example.com:5432 as deploy",
) -> PlanResult:
    listed = tuple(revisions)
    steps = tuple(item.revision for item in listed)
    high = dict.fromkeys(str(hazard.code) for hazard in hazards if hazard.severity is Severity.HIGH)
    if direction is Direction.UPGRADE:
        after = (steps[-1].id,) if steps else tuple(before)
    else:
        after = steps[-1].parents if steps else tuple(before)
    return PlanResult(
        database=database,
        before=tuple(CurrentHead(revision=id_, is_head=False, known=True) for id_ in before),
        review=Review(
            plan=Plan(
                direction=direction,
                target="head" if direction is Direction.UPGRADE else "base",
                before=tuple(before),
                after=after,
                steps=steps,
            ),
            revisions=listed,
            hazards=tuple(hazards),
            rehearsed_on=rehearsed_on,
            schema_from="a copy of the database's own" if rehearsed_on else None,
            notes=tuple(notes),
        ),
        allow=f"--allow {','.join(high)}" if high else "",
        saved=saved,
        warnings=tuple(warnings),
    )


def hazard(
    code: str,
    revision_id: str,
    number: int | None,
    message: str,
    remedy: str,
    *,
    table_name: str | None = "public.users",
    severity: Severity = Severity.HIGH,
) -> Hazard:
    return Hazard(
        code=RULES[code].code,
        severity=severity,
        revision=revision_id,
        statement=number,
        table=table_name,
        message=message,
        remedy=remedy,
    )


SAFE_COLUMN = """\
add last_seen_at without the default, set that for new rows, and fill the others in batches:
  revision 1
    op.execute("ALTER TABLE public.users ADD COLUMN last_seen_at timestamp with time zone")
    op.execute("ALTER TABLE public.users ALTER COLUMN last_seen_at SET DEFAULT clock_timestamp()")
  revision 2
    with op.get_context().autocommit_block():
        while op.get_bind().execute(sa.text("UPDATE public.users SET last_seen_at = DEFAULT WHERE ctid = ANY (ARRAY(SELECT ctid FROM public.users WHERE last_seen_at IS NULL LIMIT 10000)) AND last_seen_at IS NULL")).rowcount:
            pass
  revision 3
    op.execute("ALTER TABLE public.users ADD CONSTRAINT users_last_seen_at_not_null CHECK (last_seen_at IS NOT NULL) NOT VALID")"""  # noqa: E501 - one line is what is to be copied

KEEP_NOTES = """\
when no code uses legacy_notes any more, keep its values until nobody needs them:
    op.execute("CREATE TABLE public.users_legacy_notes_kept AS SELECT id, legacy_notes FROM public.users WHERE legacy_notes IS NOT NULL")"""  # noqa: E501

SAFE_INDEX = """\
build the index while others read and write, alone in a revision:
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY ix_users_last_seen_at ON public.users USING btree (last_seen_at)")"""  # noqa: E501


def rich() -> PlanResult:
    """Four revisions: one that rewrites, one that deletes, one out of a transaction, one with new tables."""
    users, orders = "public.users", 'public."Orders"'
    first = revision("0002", "add last_seen_at to users", ["0001"])
    second = revision("0003", "drop what nobody reads", ["0002"])
    third = revision("0004", "index orders by customer", ["0003"])
    fourth = revision("0005", "invoices", ["0004"])
    strong = LockMode.ACCESS_EXCLUSIVE
    return result(
        [
            reviewed(
                first,
                [
                    statement(
                        1,
                        "ALTER TABLE users ADD COLUMN last_seen_at TIMESTAMP WITH TIME ZONE"
                        " DEFAULT clock_timestamp() NOT NULL",
                        table(users, strong, rewrites=True, scans=True),
                        seconds=4.24,
                        how="writes 2,000,000 rows, 310 MB and 2 indexes, 140 MB again",
                    ),
                    statement(
                        2,
                        "CREATE INDEX ix_users_last_seen_at ON users (last_seen_at)",
                        table(users, LockMode.SHARE, scans=True, held_since=1),
                        seconds=1.3,
                        how="reads and sorts 2,000,000 rows",
                    ),
                    statement(
                        3,
                        "UPDATE settings SET value = 'The first of two long lines,\nand the second'"
                        " WHERE name = 'greeting'",
                        table("public.settings", LockMode.ROW_EXCLUSIVE, scans=True, rows=12, bytes_=8192),
                        how="reads 12 rows, 8.2 kB",
                        holding=[users],
                    ),
                ],
            ),
            reviewed(
                second,
                [
                    statement(1, "ALTER TABLE users DROP COLUMN legacy_notes", table(users, strong)),
                    statement(2, "ALTER TABLE users RENAME TO people", table(users, strong, held_since=1)),
                ],
                undo="it cannot be undone: its downgrade() does not undo it",
            ),
            reviewed(
                third,
                [
                    statement(
                        1,
                        'CREATE INDEX CONCURRENTLY ix_orders_customer_id ON "Orders" (customer_id)'
                        " INCLUDE (placed_at, state) WHERE state <> 'cancelled' AND customer_id IS NOT NULL",
                        table(
                            orders,
                            LockMode.SHARE_UPDATE_EXCLUSIVE,
                            scans=True,
                            rows=18_400_000,
                            bytes_=4_200_000_000,
                        ),
                        seconds=95.0,
                        how="reads 18,400,000 rows, 4.2 GB twice, and sorts them",
                        transactional=False,
                        undo="DROP INDEX CONCURRENTLY ix_orders_customer_id",
                    ),
                ],
            ),
            reviewed(
                fourth,
                [
                    statement(
                        1,
                        "\nCREATE TABLE invoices (\n\tid BIGINT GENERATED BY DEFAULT AS IDENTITY, \n"
                        "\torder_id BIGINT NOT NULL, \n"
                        "\tissued_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL, \n"
                        "\tCONSTRAINT pk_invoices PRIMARY KEY (id), \n"
                        "\tCONSTRAINT fk_invoices_order_id_orders FOREIGN KEY(order_id)"
                        ' REFERENCES "Orders" (id) ON DELETE CASCADE\n)\n\n',
                        table("public.invoices", strong, is_new=True),
                        table(
                            orders,
                            LockMode.SHARE_ROW_EXCLUSIVE,
                            rows=18_400_000,
                            bytes_=4_200_000_000,
                        ),
                    ),
                    statement(
                        2,
                        "INSERT INTO invoices (order_id) VALUES (1)",
                        table("public.invoices", LockMode.ROW_EXCLUSIVE, is_new=True),
                        table(
                            orders,
                            LockMode.ROW_SHARE,
                            held_since=1,
                            rows=18_400_000,
                            bytes_=4_200_000_000,
                        ),
                        seconds=None,
                        times=500,
                        holding=[orders],
                    ),
                ],
            ),
        ],
        hazards=[
            hazard(
                "blocks-reads",
                "0002",
                1,
                "nobody can read or write public.users (2,000,000 rows, 310 MB) for about 4.2 s",
                SAFE_COLUMN,
            ),
            hazard(
                "rewrites-table",
                "0002",
                1,
                "all rows and indexes of public.users (2,000,000 rows, 310 MB) are rewritten",
                SAFE_COLUMN,
            ),
            hazard(
                "blocks-writes",
                "0002",
                2,
                "nobody can write to public.users (2,000,000 rows, 310 MB) for about 1.3 s",
                SAFE_INDEX,
            ),
            hazard(
                "lock-held-through-statements",
                "0002",
                1,
                "the ACCESS EXCLUSIVE lock on public.users is held while statements 2 and 3 run, about 1.3 s",
                "put the statement that takes the lock into a revision of its own, or last",
                severity=Severity.NOTICE,
            ),
            hazard(
                "deletes-data",
                "0003",
                1,
                "1,204,118 of 2,000,000 rows of public.users have a value in legacy_notes: they go",
                KEEP_NOTES,
            ),
            hazard(
                "breaks-running-code",
                "0003",
                2,
                "code that runs now and asks for public.users fails from the commit on",
                "leave a view under the old name, in the same revision, until no code uses it:\n"
                '    op.execute("ALTER TABLE public.users RENAME TO people")\n'
                '    op.execute("CREATE VIEW public.users AS SELECT * FROM public.people")',
            ),
            hazard(
                "irreversible",
                "0003",
                None,
                "downgrade() is empty although upgrade() changes something",
                "write downgrade(), or have it raise and say why there is no downgrade",
                table_name=None,
                severity=Severity.NOTICE,
            ),
        ],
        notes=["the extension postgis is not on the scratch server: 2 columns of its types are text there"],
        warnings=[
            Warned(
                code="wrong-environment",
                message="prod upgrade will refuse: the environment name of shop on db.example.com:5432 is "
                "staging, not production",
            )
        ],
    )


def long(count: int = 300, *, dangerous: Sequence[int] = (120, 250)) -> PlanResult:
    """A chain of that many revisions, of which those numbers are dangerous and every tenth has a notice."""
    revisions, hazards = [], []
    for number in range(1, count + 1):
        step = revision(f"r{number:04}", f"change number {number}", [f"r{number - 1:04}"])
        name = f"public.table_{number % 40}"
        sql = f"ALTER TABLE table_{number % 40} ADD COLUMN column_{number} VARCHAR(40)"
        seconds = 0.01
        if number in dangerous:
            sql, seconds = f"ALTER TABLE table_{number % 40} ALTER COLUMN id TYPE BIGINT", 12.0
            message = f"all rows and indexes of {name} are rewritten"
            hazards.append(hazard("rewrites-table", step.id, 1, message, "add a column", table_name=name))
        elif number % 10 == 0:
            hazards.append(
                hazard(
                    "blocks-writes",
                    step.id,
                    1,
                    f"nobody can write to {name} for about 200 ms",
                    "do it at night",
                    table_name=name,
                    severity=Severity.NOTICE,
                )
            )
        touched = table(name, LockMode.ACCESS_EXCLUSIVE, rewrites=number in dangerous)
        revisions.append(reviewed(step, [statement(1, sql, touched, seconds=seconds)]))
    return result(revisions, hazards=hazards, before=("r0000",))


HOSTILE = "</pre>`|@octocat #1 <img src=x onerror=alert(1)>\x1b[2J\x1b]0;owned\x07\u202e```\n\n# fake\r| x |"
"""What an object's name or a message could hold to break out of each format."""


def hostile() -> PlanResult:
    """A plan in which everything that a stranger could have named is hostile."""
    step = revision("0002", HOSTILE, ["0001"])
    sql = f"COMMENT ON TABLE t IS '{HOSTILE}'"
    touched = table(f'public."{HOSTILE}"', LockMode.ACCESS_EXCLUSIVE, rewrites=True)
    return result(
        [reviewed(step, [statement(1, sql, touched, how=HOSTILE, undo=HOSTILE)], undo=HOSTILE)],
        hazards=[
            hazard(
                "deletes-data",
                "0002",
                1,
                HOSTILE,
                f"{HOSTILE}:\n    op.execute('{HOSTILE}')",
                table_name=f'public."{HOSTILE}"',
            )
        ],
        notes=[HOSTILE],
        database=HOSTILE,
    )


def nothing() -> PlanResult:
    """A database that is where it was to be brought."""
    return result([])


def not_rehearsed() -> PlanResult:
    """What is left without a scratch server: what Alembic can write, and what it cannot."""
    first = revision("0002", "add a column", ["0001"])
    second = revision("0003", "ask the database", ["0002"])
    third = revision("0004", "a mark in the history", ["0003"])
    return result(
        [
            reviewed(
                first, [statement(1, "ALTER TABLE users ADD COLUMN age INTEGER", seconds=None, undo="")]
            ),
            reviewed(
                second, [], shown=False, why_not="it asks the database (AttributeError: 'NoneType' object)"
            ),
            reviewed(third, []),
        ],
        rehearsed_on=None,
        notes=["not rehearsed: no initdb of PostgreSQL 17 in PATH", "not rehearsed: no extra [rehearsal]"],
    )
