"""The one table of everything that the checks can find."""

from agent_factory.migrate.model.findings.rule import Level, Rule

_HISTORY = (
    Rule(
        code="broken-project",
        level=Level.ERROR,
        text="Alembic can read the project",
        help="No command works until it can: correct the configuration or the file that is named.",
    ),
    Rule(
        code="broken-revision-file",
        level=Level.ERROR,
        text="every revision file can be imported",
        help="Alembic imports every file before it does anything. Correct the line that is named.",
    ),
    Rule(
        code="no-revision-id",
        level=Level.ERROR,
        text="every file of the history has a revision id",
        help="Alembic stops at a file with a down_revision and no revision. Give it `revision = '...'`, "
        "or move a file that is no revision out of the folder.",
    ),
    Rule(
        code="no-down-revision",
        level=Level.ERROR,
        text="every revision says which one it builds on",
        help="Alembic stops at a revision without down_revision. Give it one; the first has `None`.",
    ),
    Rule(
        code="bad-revision-id",
        level=Level.ERROR,
        text="a revision id is a string without @, :, + and -",
        help="Alembic reads these as `branch@id`, a range, or steps from here. Choose another id.",
    ),
    Rule(
        code="duplicate-revision",
        level=Level.ERROR,
        text="no two files have the same revision id",
        help="Of two files with one id Alembic takes one and ignores the other, so a database may never get "
        "it. Give the newer one the next free number: file name, revision and down_revision.",
    ),
    Rule(
        code="multiple-heads",
        level=Level.ERROR,
        text="the history has one head",
        help="An upgrade without a REVISION is refused while two revisions claim to be the newest. Join them "
        "with `af-db local merge`, or re-parent the one that no shared database has. Branches that are meant "
        "to stay apart have a label each: then it is `upgrade LABEL@head`, or `upgrade heads`.",
    ),
    Rule(
        code="multiple-bases",
        level=Level.ERROR,
        text="a second beginning of the history is a branch with a label",
        help="A revision without down_revision starts a history of its own, so there are two heads. If it "
        "was forgotten, name the revision that it builds on; if it is meant, give it branch_labels.",
    ),
    Rule(
        code="revision-cycle",
        level=Level.ERROR,
        text="no revision builds on itself, not even through others",
        help="No order exists in which the revisions could run. Correct down_revision or depends_on in one.",
    ),
    Rule(
        code="own-parent",
        level=Level.ERROR,
        text="no revision names itself as what it builds on",
        help="Name in down_revision the revision that was the newest when this one was written.",
    ),
    Rule(
        code="missing-parent",
        level=Level.ERROR,
        text="every down_revision is in the history",
        help="Bring the missing file back, for example: git checkout BRANCH -- alembic/versions.",
    ),
    Rule(
        code="unknown-dependency",
        level=Level.ERROR,
        text="every depends_on is in the history",
        help="Bring the missing file back, or correct the name.",
    ),
    Rule(
        code="duplicate-branch-label",
        level=Level.ERROR,
        text="a branch label is used once",
        help="`LABEL@head` has to mean one branch. Alembic refuses the history; rename one of the labels.",
    ),
    Rule(
        code="long-revision-id",
        level=Level.ERROR,
        text="a revision id has at most 32 characters",
        help="Alembic keeps it in a VARCHAR(32): on PostgreSQL the revision fails when it has run, on SQLite "
        "it does not. Shorten the id.",
    ),
    Rule(
        code="odd-revision-id",
        level=Level.WARNING,
        text="if the ids are numbers of one width, each of them is",
        help="Numbers of one width sort as they run. Renumber the revision before a shared database has it.",
    ),
    Rule(
        code="revision-order",
        level=Level.WARNING,
        text="if the ids are numbers, a revision's is greater than that of the one it builds on",
        help="The files are listed in another order than they run. Renumber it before a shared database has "
        "it.",
    ),
    Rule(
        code="file-name",
        level=Level.WARNING,
        text="a revision's file name has its id where file_template puts it",
        help="People find a revision by its file's name. Rename the file; the id decides, so nothing else "
        "changes.",
    ),
    Rule(
        code="duplicate-file-name",
        level=Level.WARNING,
        text="no two revision files have the same name, whatever the case of its letters",
        help="On macOS and Windows only one of them can be checked out; elsewhere people confuse "
        "them. Rename one of them.",
    ),
    Rule(
        code="no-upgrade",
        level=Level.ERROR,
        text="every revision has an upgrade()",
        help="Alembic fails when it reaches the revision. Write one; its body may be `pass`.",
    ),
    Rule(
        code="no-downgrade",
        level=Level.WARNING,
        text="every revision has a downgrade()",
        help="A downgrade fails with an AttributeError when it reaches the revision. Write one; if the "
        "revision cannot be undone, have it raise and say why.",
    ),
    Rule(
        code="bad-upgrade",
        level=Level.ERROR,
        text="upgrade() is a plain function that needs no arguments",
        help="Alembic calls it, and no more: of `async def`, or of a function that yields, nothing runs, and "
        "the database counts as upgraded. Write `def upgrade():`.",
    ),
    Rule(
        code="bad-downgrade",
        level=Level.ERROR,
        text="downgrade() is a plain function that needs no arguments",
        help="Alembic calls it, and no more: of `async def`, or of a function that yields, nothing runs, and "
        "the database counts as downgraded. Write `def downgrade():`.",
    ),
)
"""The codes that an error of the other commands has too are the same ones."""

_CREDENTIALS = (
    Rule(
        code="credentials",
        level=Level.ERROR,
        text="no password is written into the project's files",
        help="Whoever can read the repository can log in, for ever: the git history keeps the line. Change "
        "the password, then read it from the environment (DATABASE_URL).",
    ),
    Rule(
        code="local-credentials",
        level=Level.NOTE,
        text="a login in the project's files is for a database on the developer's own machine",
        help="It opens nothing elsewhere. DATABASE_URL in .env keeps even that out of the repository.",
    ),
)

_BRANCH = (
    Rule(
        code="edited-on-branch",
        level=Level.ERROR,
        text="a revision of the target branch is not edited",
        help="Databases that have it never run the new text. Put the file back, and write a new revision.",
    ),
    Rule(
        code="deleted-on-branch",
        level=Level.ERROR,
        text="a revision of the target branch is not deleted",
        help="A database that is at it cannot be migrated any more. Put the file back; "
        "a new revision can undo it.",
    ),
    Rule(
        code="multiple-heads-after-merge",
        level=Level.ERROR,
        text="this branch and the target branch have one head when they are merged",
        help="Both add a revision to the same one. Merge the target branch, and re-parent this branch's.",
    ),
    Rule(
        code="broken-after-merge",
        level=Level.ERROR,
        text="this branch and the target branch make one valid history when they are merged",
        help="Each is valid alone. Merge the target branch, and fix what is named.",
    ),
    Rule(
        code="duplicate-after-merge",
        level=Level.ERROR,
        text="this branch and the target branch give no id to two different revisions",
        help="Renumber this branch's revision: file name, revision and down_revision.",
    ),
)

_DATABASE = (
    Rule(
        code="behind",
        level=Level.WARNING,
        text="the database is at the newest revision",
        help="Revisions of this checkout have not run there. Upgrade it, or check it with its own checkout.",
    ),
    Rule(
        code="database-ahead",
        level=Level.ERROR,
        text="this checkout has every revision that the database is at",
        help="A newer checkout or another branch migrated it. Update this one, or bring the file here.",
    ),
    Rule(
        code="overlapping-rows",
        level=Level.ERROR,
        text="the version table has no row of which another one is a later revision",
        help="Alembic cannot plan from there. Keep the newest row, once it is certain that it is applied.",
    ),
    Rule(
        code="duplicate-version-rows",
        level=Level.ERROR,
        text="the version table has one row for each head that the database is at",
        help="Alembic changes one row and fails when it meets two. Delete one of them.",
    ),
    Rule(
        code="version-table-key",
        level=Level.WARNING,
        text="the version table has its primary key",
        help="It keeps two runs of plain Alembic from both writing a row. A copy made with CREATE TABLE AS "
        "lacks it.",
    ),
    Rule(
        code="not-versioned",
        level=Level.ERROR,
        text="a database with tables says which revision it is at",
        help="Is it the right database? Was its version table deleted? An upgrade would begin at the "
        "first revision, and fail at the first table that exists. `adopt` finds out where it is, and records "
        "that.",
    ),
    Rule(
        code="edited-revision",
        level=Level.ERROR,
        text="the file of an applied revision is what ran",
        help="The database has what the old text made. Restore the file; put the change into a new revision.",
    ),
    Rule(
        code="ran-outside",
        level=Level.WARNING,
        text="once af-db has migrated a database, nothing else does",
        help="It is not known what ran, who ran it, and whether all of it ran. Use af-db for all upgrades.",
    ),
    Rule(
        code="ran-before-journal",
        level=Level.NOTE,
        text="the journal has every applied revision",
        help="These ran before af-db was used: their files cannot be compared with what ran.",
    ),
    Rule(
        code="unfinished-revision",
        level=Level.ERROR,
        text="no run has ended inside a revision",
        help="A part of it is committed. Upgrade again: it continues where the catalog shows what is done, "
        "and says what to do about the rest.",
    ),
    Rule(
        code="migration-running",
        level=Level.NOTE,
        text="no migration runs while the database is checked",
        help="Its unfinished work would be reported, also as drift. Check again when it has ended.",
    ),
    Rule(
        code="invalid-index",
        level=Level.WARNING,
        text="no index is INVALID",
        help="A failed build has left it: no query uses it, and every write is slower.",
    ),
    Rule(
        code="index-in-progress",
        level=Level.NOTE,
        text="no index is being built while the database is checked",
        help="It is INVALID until it is ready. Check again then.",
    ),
    Rule(
        code="constraint-not-valid",
        level=Level.WARNING,
        text="no constraint is NOT VALID",
        help="New rows are checked and old ones are not: the second half of its migration is missing. "
        "VALIDATE CONSTRAINT reads the table and does not block writes.",
    ),
    Rule(
        code="wrong-environment",
        level=Level.ERROR,
        text="the database has the environment name that this command expects",
        help="Is DATABASE_URL right? A copy of another database is renamed by `environment NAME`.",
    ),
    Rule(
        code="no-environment-name",
        level=Level.NOTE,
        text="production has its environment name",
        help="The first upgrade by `af-db prod` names it; `environment NAME` does so too.",
    ),
    Rule(
        code="drift",
        level=Level.ERROR,
        text="the database has what its migrations make, and nothing else",
        help="Somebody changed it by hand. The next migration may fail there, and a new database would "
        "differ. Undo the change, or put it into a revision.",
    ),
)

_IGNORES = (
    Rule(
        code="unexpected-grant",
        level=Level.ERROR,
        text="nobody has rights that neither a migration nor a default privilege gives",
        help="Whoever has it reads or changes the rows of a table without row level security: an error. With "
        "row level security, and of what holds no rows, it is a note. Revoke it, put it into a revision, or "
        "ignore it for the role that is named, with the reason.",
    ),
    Rule(
        code="default-made-at-run-time",
        level=Level.NOTE,
        text="a revision makes the same default whenever it runs",
        help="`server_default=str(utcnow())` is computed once, by Python: new rows get that moment for ever. "
        "Where each row is to have its own, have the database compute it: `server_default=sa.func.now()`. It "
        "is no drift: two runs of the migrations differ in it.",
    ),
    Rule(
        code="ignore-without-reason",
        level=Level.ERROR,
        text="every ignore in [tool.af-db] has a reason",
        help="Without one it ignores nothing. Say why the finding is acceptable.",
    ),
    Rule(
        code="unused-ignore",
        level=Level.WARNING,
        text="every ignore in [tool.af-db] matches a finding",
        help="What it was for is gone, or its code or pattern is wrong. Delete or correct it, before it "
        "hides something else.",
    ),
)

_MODELS = (
    Rule(
        code="models-differ",
        level=Level.ERROR,
        text="the migrations make what the models say",
        help="Code that uses the models expects another database than the one that the migrations make. "
        "Write the missing revision (`af-db local create`), or correct the model.",
    ),
    Rule(
        code="models-fail",
        level=Level.ERROR,
        text="the tables of the models can be made",
        help="`create_all()` fails, so nothing can be compared. Correct the model that is named.",
    ),
)

_ROUND_TRIP = (
    Rule(
        code="upgrade-fails",
        level=Level.ERROR,
        text="every revision runs on a new database, with rows in its tables",
        help="It will fail in production, or for the next developer. Tables have rows there: a new column "
        "that is NOT NULL needs a default or values first.",
    ),
    Rule(
        code="downgrade-fails",
        level=Level.ERROR,
        text="every downgrade() runs, with rows in the tables",
        help="The revision cannot be undone when that is needed. Correct downgrade(); if it cannot "
        "be undone at all, have it raise and say why.",
    ),
    Rule(
        code="downgrade-differs",
        level=Level.ERROR,
        text="a downgrade leaves the schema as it was before the upgrade",
        help="The next upgrade fails on what is left over, or on what is missing. Have downgrade() undo all "
        "that upgrade() does.",
    ),
    Rule(
        code="downgrade-loses-rows",
        level=Level.ERROR,
        text="a downgrade keeps the rows that the upgrade did not change",
        help="A table that is dropped and made again, or a DELETE, loses rows that were there before. "
        "Change the table in place.",
    ),
    Rule(
        code="second-upgrade-differs",
        level=Level.ERROR,
        text="an upgrade after the downgrade makes what the first one made",
        help="The downgrade leaves something that changes what the upgrade makes. Compare the two functions.",
    ),
    Rule(
        code="irreversible",
        level=Level.NOTE,
        text="a revision can be downgraded",
        help="Its downgrade() raises on purpose, or would have to remove a label from an enum. To undo it, "
        "restore a backup.",
    ),
    Rule(
        code="not-for-sqlite",
        level=Level.NOTE,
        text="the migrations run on SQLite too",
        help="They need PostgreSQL, so nothing was tried on SQLite. With a SQLite DATABASE_URL, or `sqlite` "
        "among the databases of [tool.af-db], this is an error.",
    ),
    Rule(
        code="downgrade-changes-rows",
        level=Level.NOTE,
        text="a downgrade keeps the values that the upgrade did not change",
        help="After `UPDATE ... WHERE` in both functions, a row that always had the new value gets the old "
        "one. If that matters, have upgrade() note which rows it changes.",
    ),
    Rule(
        code="own-connection",
        level=Level.WARNING,
        text="a revision works on the connection that it is given, and starts no program",
        help="What it does elsewhere is outside of its transaction, and is not tried here: use "
        "`op.get_bind()`. A program that changes no database can be named in `programs` of [tool.af-db], "
        "where it is started without a shell.",
    ),
)

_NOT_CHECKED = (
    Rule(
        code="baseline-failed",
        level=Level.ERROR,
        text="the baseline of [tool.af-db] can be applied to an empty database",
        help="Checks that begin with it could not be made. Correct what is named; it has to run in one "
        "transaction, and writes no revision.",
    ),
    Rule(
        code="broken-env-py",
        level=Level.ERROR,
        text="env.py runs, also where nothing is migrated",
        help="Checks that need it could not be made. Correct the line that is named. What env.py writes to a "
        "database belongs into a revision: env.py runs for every command, and most may not write.",
    ),
    Rule(
        code="env-py-contract",
        level=Level.ERROR,
        text="env.py works on the connection that it is given",
        help="Or on an engine of its own for the same database and role, which gets that connection. On "
        "another one, af-db would not know what runs where. Do as the message says.",
    ),
    Rule(
        code="not-checked",
        level=Level.ERROR,
        text="what was asked for by name could be checked",
        help="`--against`, `--scratch-url` and `require-rehearsal` ask for it. Make it possible, or do not "
        "ask. Drift that `prod check` could not check is a warning; `--no-rehearsal` does not ask for it.",
    ),
)

_TABLE: tuple[Rule, ...] = (
    *_HISTORY,
    *_CREDENTIALS,
    *_BRANCH,
    *_ROUND_TRIP,
    *_MODELS,
    *_DATABASE,
    *_NOT_CHECKED,
    *_IGNORES,
)

RULES: dict[str, Rule] = {rule.code: rule for rule in _TABLE}
"""Every code that a check can give, in the order in which documents list them."""

HISTORY_CODES = frozenset(rule.code for rule in _HISTORY)
CREDENTIAL_CODES = frozenset(rule.code for rule in _CREDENTIALS)
BRANCH_CODES = frozenset(rule.code for rule in _BRANCH)
ROUND_TRIP_CODES = frozenset(rule.code for rule in _ROUND_TRIP)
MODEL_CODES = frozenset(rule.code for rule in _MODELS)
DATABASE_CODES = frozenset(rule.code for rule in _DATABASE)
"""The codes that each check can report."""
