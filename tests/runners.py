"""What a project's CI has around it: a remote, a production database, and a clone for each job."""

import contextlib
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from agent_factory.url import DatabaseURL
from tests.commands import INSTALLED, bare_environment, run_process, the_warm_server
from tests.postgres import administering
from tests.projects import AlembicProject, make_project
from tests.warm import can_be_warm

PULL_REQUEST = "7"

OTHERS_COMMENT = {"number": PULL_REQUEST, "body": "Coverage: 90 %"}

GH = f"""#!{sys.executable}
# Comments as the real one keeps them; of what jq would be asked, the beginning of the body.
import json, os, pathlib, re, sys

store = pathlib.Path(os.environ["COMMENTS"])
comments = json.loads(store.read_text())
words = sys.argv[1:]
if words[:2] == ["pr", "comment"]:
    body = pathlib.Path(words[words.index("--body-file") + 1]).read_text()
    comments.append({{"number": words[2], "body": body}})
elif "--jq" in words:
    assert "issues/{PULL_REQUEST}/comments" in " ".join(words)
    begin = re.search(r'startswith\\("(.+?)"\\)', words[words.index("--jq") + 1])[1]
    for number, one in enumerate(comments, 1):
        if one["body"].startswith(begin):
            print(number)
else:
    (path,) = [word for word in words if "/comments/" in word]
    (file,) = [word.removeprefix("body=@") for word in words if word.startswith("body=@")]
    comments[int(path.rpartition("/")[2]) - 1]["body"] = pathlib.Path(file).read_text()
store.write_text(json.dumps(comments))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a script of a job ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A remote with the branches ``main`` and ``feature``, a developer's clone of it, and production."""

    folder: Path
    project: AlembicProject
    owner_url: str
    reader_url: str
    scratch_url: str

    @property
    def secrets(self) -> dict[str, str]:
        return {"DATABASE_URL": self.owner_url, "PLAN_DATABASE_URL": self.reader_url}

    @property
    def stand_in(self) -> Path:
        """What a shell finds as ``af-db`` before it finds the installed one."""
        return self.folder / "bin" / "af-db"

    @property
    def remote(self) -> Path:
        return self.folder / "origin.git"

    @property
    def comments(self) -> Path:
        return self.folder / "comments.json"

    def git(self, *arguments: str, cwd: Path | None = None) -> None:
        subprocess.run(
            ["git", *arguments],  # noqa: S607 - the one that af-db uses too
            cwd=cwd or self.project.root,
            env=self.environment,
            capture_output=True,
            check=True,
        )

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")

    def push(self, branch: str) -> None:
        self.git("push", "--quiet", "origin", f"HEAD:{branch}")

    def clone(self, branch: str, *, whole: bool = True) -> Path:
        """Return a new clone of a runner's, without ``whole`` one that has this branch only."""
        clone = self.folder / f"runner_{uuid.uuid4().hex[:8]}"
        extent = () if whole else ("--single-branch", "--branch", branch)
        self.git("clone", "--quiet", *extent, f"file://{self.remote}", str(clone), cwd=self.folder)
        self.git("checkout", "--quiet", "--detach", f"origin/{branch}", cwd=clone)
        return clone

    def merge(self) -> None:
        """Have ``main`` become what ``feature`` is."""
        self.push("main")

    def run(self, script: str, cwd: Path, environment: Mapping[str, str] | None = None) -> Ran:
        """Run a script as a runner of GitHub's does, which gives no shell of its own."""
        finished = subprocess.run(
            ["bash", "-e", "-c", script],  # noqa: S607 - the runner's
            cwd=cwd,
            env=self.environment | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Ran(code=finished.returncode, out=finished.stdout, err=finished.stderr)

    @property
    def environment(self) -> dict[str, str]:
        person = {
            f"GIT_{role}_{name}": value
            for role in ("AUTHOR", "COMMITTER")
            for name, value in (("NAME", "A Developer"), ("EMAIL", "developer@example.com"))
        }
        path = os.pathsep.join((str(self.folder / "bin"), str(INSTALLED.parent), os.environ["PATH"]))
        return {
            **bare_environment(None),
            **person,
            "AF_DB_REHEARSAL": "true",
            "AF_DB_SCRATCH_URL": self.scratch_url,
            "PATH": path,
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "COMMENTS": str(self.comments),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
        }

    def execute(self, statement: str) -> None:
        connection = psycopg2.connect(self.owner_url)
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()


@contextlib.contextmanager
def making_site(
    folder: Path, postgresql_url: str, server_url: DatabaseURL, scratch_server: str
) -> Iterator[Site]:
    """Production is at 002, as ``main`` is; ``feature``, which is checked out, adds 003."""
    reader = f"reader_{uuid.uuid4().hex[:12]}"
    address = postgresql_url.rpartition("@")[2]
    it = Site(
        folder=folder,
        project=make_project(folder / "work", tables=2),
        owner_url=postgresql_url,
        reader_url=f"postgresql://{reader}:reader-of-production@{address}",
        scratch_url=scratch_server,
    )
    (it.project.root / ".gitignore").write_text("__pycache__/\n")
    (folder / "bin").mkdir()
    it.comments.write_text(json.dumps([OTHERS_COMMENT]))
    (folder / "bin" / "gh").write_text(GH)
    (folder / "bin" / "gh").chmod(0o755)
    it.git("init", "--quiet", "--bare", "--initial-branch=main", str(it.remote), cwd=folder)
    it.git("init", "--quiet", "--initial-branch=main")
    it.git("remote", "add", "origin", str(it.remote))
    it.commit()
    it.push("main")
    if can_be_warm({}):
        the_warm_server().write_stand_in(it.stand_in)
    upgraded = run_process("prod", "upgrade", "--yes", cwd=it.project.root, url=postgresql_url)
    assert upgraded.code == 0, upgraded.err
    it.git("checkout", "--quiet", "-b", "feature")
    it.project.add_table("003", "002")
    it.commit()
    it.push("feature")
    with administering(server_url) as cursor:
        cursor.execute(f"CREATE ROLE {reader} LOGIN PASSWORD 'reader-of-production'")
        cursor.execute(f"GRANT pg_read_all_data TO {reader}")
    try:
        yield it
    finally:
        with administering(server_url) as cursor:
            cursor.execute(f"DROP ROLE {reader}")
