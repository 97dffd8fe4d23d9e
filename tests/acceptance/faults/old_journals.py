"""A journal as af-db 0.2 made it, and rows as it wrote them: nothing says of which version table they are."""

from agent_factory.migrate.revisions.normalise import file_sha256
from tests.acceptance.faults.databases import Database
from tests.projects import AlembicProject

MADE_BY_0_2 = """
CREATE SCHEMA IF NOT EXISTS af_db;
CREATE TABLE IF NOT EXISTS af_db.journal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid NOT NULL,
    revision text NOT NULL,
    direction text NOT NULL CHECK (direction IN ('upgrade', 'downgrade')),
    state text NOT NULL CHECK (state IN ('started', 'applied', 'failed')),
    source_sha256 text NOT NULL,
    source text NOT NULL,
    accepted_sha256 text,
    statements text[] NOT NULL DEFAULT '{}',
    db_role text NOT NULL DEFAULT current_user,
    os_user text,
    host text,
    git_commit text,
    git_dirty boolean,
    ci_url text,
    af_db_version text NOT NULL,
    alembic_version text NOT NULL,
    started_at timestamptz NOT NULL,
    duration_s double precision,
    error text
);
CREATE TABLE IF NOT EXISTS af_db.environment (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    name text NOT NULL,
    set_at timestamptz NOT NULL DEFAULT now(),
    set_by text NOT NULL DEFAULT current_user
);
"""


def make_old_journal(database: Database) -> None:
    database.execute(MADE_BY_0_2)


def write_old_row(
    database: Database,
    project: AlembicProject,
    revision: str,
    *,
    direction: str = "upgrade",
    state: str = "applied",
    statements: tuple[str, ...] = (),
) -> None:
    """Write what af-db 0.2 wrote of a revision whose file is as it is now."""
    (path,) = project.versions.glob(f"{revision}_*.py")
    database.rows(
        "INSERT INTO af_db.journal (run_id, revision, direction, state, source_sha256, source, statements,"
        " os_user, host, af_db_version, alembic_version, started_at, duration_s)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s::text[], 'deployer', 'ci-7', '0.2.0', '1.18.5',"
        " now(), 0.1)",
        [revision, direction, state, file_sha256(path), path.read_text(), list(statements)],
    )


def forget_version_tables(database: Database) -> None:
    """Make the journal what it would be, had af-db 0.2 written it: the same rows in the first format."""
    database.execute(
        "ALTER TABLE af_db.journal DROP COLUMN version_schema, DROP COLUMN version_table",
        "COMMENT ON TABLE af_db.journal IS NULL",
    )
