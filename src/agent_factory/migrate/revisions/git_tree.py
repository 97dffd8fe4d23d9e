"""The files of another commit, read with git and without a checkout."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent_factory.migrate.model.errors import NOT_TOUCHED, UsageError
from agent_factory.redaction import environment_without_secrets

TIMEOUT_S = 120
"""A clone without contents (--filter=blob:none) fetches them when they are asked for."""

_OF_HOOKS = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit of the repository whose working tree begins at ``top``, asked for as ``ref``."""

    top: Path
    sha: str
    ref: str


def find_commit(folder: Path, ref: str) -> Commit:
    """Return the commit that ``ref`` names in the repository around ``folder``.

    Raises UsageError where git is missing, the folder is in no repository, or the ref is unknown.
    """
    shown = _git(folder, "rev-parse", "--show-toplevel")
    if shown.returncode != 0:
        raise _not_a_repository(folder, _said(shown))
    top = Path(os.fsdecode(shown.stdout).removesuffix("\n"))
    found = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode != 0:
        raise _unknown_ref(top, ref)
    return Commit(top=top, sha=found.stdout.decode().split()[-1], ref=ref)


def find_default_branch(folder: Path) -> str:
    """Return the branch that the remote of this checkout takes for its main one: ``origin/main``.

    It is what the remote says of itself, else its ``main`` or ``master``. Raises UsageError where neither is
    known, and what ``find_commit`` raises.
    """
    find_commit(folder, "HEAD")
    branch = _git(folder, "symbolic-ref", "--quiet", "--short", "HEAD").stdout.decode().strip()
    remote = _git(folder, "config", f"branch.{branch}.remote").stdout.decode().strip() or "origin"
    finished = _git(folder, "symbolic-ref", "--quiet", "--short", f"refs/remotes/{remote}/HEAD")
    for ref in (finished.stdout.decode().strip(), f"{remote}/main", f"{remote}/master"):
        if ref and _git(folder, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").returncode == 0:
            return ref
    raise UsageError(
        "no-default-branch",
        f"git does not know which branch of {remote} is the main one",
        state=NOT_TOUCHED,
        next_steps=("name it: --against origin/main", f"or ask the remote: git remote set-head {remote} -a"),
    )


def find_common_ancestor(commit: Commit) -> Commit | None:
    """Return the last commit that HEAD and this one share; None where they share none.

    Raises UsageError where the clone is too shallow to tell.
    """
    found = _git(commit.top, "merge-base", "HEAD", commit.sha)
    if found.returncode == 0:
        return Commit(top=commit.top, sha=found.stdout.decode().split()[0], ref="the common ancestor")
    if _is_shallow(commit.top):
        raise UsageError(
            "shallow-clone",
            f"this clone is too shallow to hold the last commit that HEAD and {commit.ref} share",
            state=NOT_TOUCHED,
            next_steps=(
                "fetch the history: git fetch --unshallow",
                "in GitHub Actions: actions/checkout with fetch-depth: 0; in GitLab CI: GIT_DEPTH: 0",
            ),
        )
    return None


def find_remote_branches(folder: Path, files: Sequence[Path]) -> dict[Path, tuple[str, ...]]:
    """Return, of these files, those that other branches of remotes have, with the names of these branches.

    What was not fetched is not known. This branch's own there, of its name or what it follows, are no others.
    """
    top = find_commit(folder, "HEAD").top
    branch = _git(top, "symbolic-ref", "--quiet", "--short", "HEAD").stdout.decode().strip()
    upstream = (
        _git(top, "rev-parse", "--quiet", "--symbolic-full-name", "@{upstream}").stdout.decode().strip()
    )
    listed = _must(_git(top, "for-each-ref", "--format=%(refname) %(symref)", "refs/remotes")).decode()
    names = [
        name
        for name, _space, symbolic in (line.partition(" ") for line in listed.splitlines())
        if not symbolic
    ]
    others = [name for name in names if name != upstream and name.split("/", 3)[3:] != [branch]]
    asked = [(ref, file) for ref in others for file in files if file.is_relative_to(top)]
    objects = "".join(f"{ref}:{file.relative_to(top).as_posix()}\n" for ref, file in asked)
    answers = _must(_git(top, "cat-file", "--batch-check=%(objectname)", asked=objects)).splitlines()
    found: dict[Path, list[str]] = {}
    for (ref, file), answer in zip(asked, answers, strict=True):
        if not answer.endswith(b" missing"):
            found.setdefault(file, []).append(ref.removeprefix("refs/remotes/"))
    return {file: tuple(refs) for file, refs in found.items()}


def read_files(commit: Commit, folders: Sequence[Path], *, recursive: bool) -> dict[Path, bytes]:
    """Return the contents of the commit's files in these folders, by where they are in a working tree.

    With ``recursive`` the folders below them count. Folders outside the repository have no files.
    """
    inside = [folder.relative_to(commit.top) for folder in folders if folder.is_relative_to(commit.top)]
    if not inside:
        return {}
    names = [f"{folder.as_posix()}/" for folder in inside if folder.parts]
    wanted = names if len(names) == len(inside) else []  # the topmost folder is no name, and has everything
    listed = _must(_git(commit.top, "ls-tree", "-r", "-z", "--full-tree", commit.sha, "--", *wanted))
    blobs: dict[Path, str] = {}
    for entry in os.fsdecode(listed).split("\0"):
        facts, _tab, name = entry.partition("\t")
        path = Path(name)
        if facts.split()[1:2] == ["blob"] and any(
            path.is_relative_to(folder) if recursive else path.parent == folder for folder in inside
        ):
            blobs[commit.top / path] = facts.split()[2]
    return dict(zip(blobs, _contents(commit.top, [*blobs.values()]), strict=True))


def find_files(commit: Commit, folder: Path, pattern: str) -> tuple[Path, ...]:
    """Return which of the commit's files below this folder have a line that matches the extended pattern."""
    if not folder.is_relative_to(commit.top):
        return ()
    below = folder.relative_to(commit.top).as_posix()
    found = _git(
        commit.top,
        *("--literal-pathspecs", "grep", "-lzE", "--full-name", "-e", pattern, commit.sha, "--", below),
    )
    if found.returncode == 1:
        return ()
    names = os.fsdecode(_must(found)).split("\0")
    return tuple(commit.top / name.removeprefix(f"{commit.sha}:") for name in names if name)


def _contents(top: Path, blobs: Sequence[str]) -> list[bytes]:
    answer = _must(_git(top, "cat-file", "--batch", asked="".join(f"{blob}\n" for blob in blobs)))
    contents = []
    at = 0
    for _blob in blobs:
        # "<name> blob <size>", a line end, the content, a line end (git-cat-file(1), BATCH OUTPUT)
        begin = answer.index(b"\n", at) + 1
        end = begin + int(answer[at:begin].split()[-1])
        contents.append(answer[begin:end])
        at = end + 1
    return contents


def _not_a_repository(folder: Path, said: str) -> UsageError:
    # Where a container has the files of another user (git-config(1), safe.directory).
    trust = f"git config --global --add safe.directory {folder}"
    return UsageError(
        "not-a-repository",
        f"git finds no repository around {folder}: {said}",
        state=NOT_TOUCHED,
        next_steps=(
            *((f"if you trust it: {trust}",) if "dubious ownership" in said else ()),
            "run it in a clone of the repository, or without --against",
        ),
    )


def _unknown_ref(top: Path, ref: str) -> UsageError:
    remote, slash, branch = ref.partition("/")
    fetch = f"git fetch {remote} {branch}:refs/remotes/{ref}" if slash else "git fetch"
    shallow = _is_shallow(top)
    return UsageError(
        "unknown-ref",
        f"git knows no commit {ref!r}" + (" in this shallow clone" if shallow else ""),
        state=NOT_TOUCHED,
        next_steps=(
            f"fetch it: {fetch}",
            *(("in GitHub Actions: actions/checkout with fetch-depth: 0",) if shallow else ()),
            "or name another one: --against origin/main",
        ),
    )


def _is_shallow(top: Path) -> bool:
    return _git(top, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"


def _git(folder: Path, *arguments: str, asked: str = "") -> subprocess.CompletedProcess[bytes]:
    # git tells its hooks where the repository is, seen from another folder than this.
    environment = {
        name: value for name, value in environment_without_secrets().items() if name not in _OF_HOOKS
    }
    try:
        return subprocess.run(
            ["git", *arguments],  # noqa: S607 - the user's git
            cwd=folder,
            env=environment | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
            input=asked.encode(),
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise UsageError(
            "no-git",
            "git is not installed, or not on the PATH: it reads the branch to compare with",
            state=NOT_TOUCHED,
            next_steps=("install git, or run it without --against",),
        ) from error
    except subprocess.TimeoutExpired as error:
        raise _failed(f"git {arguments[0]} has not answered for {TIMEOUT_S} s") from error


def _must(finished: subprocess.CompletedProcess[bytes]) -> bytes:
    if finished.returncode != 0:
        raise _failed(f"git {finished.args[1]} failed: {_said(finished)}")
    return bytes(finished.stdout)


def _failed(message: str) -> UsageError:
    return UsageError(
        "git-failed", message, state=NOT_TOUCHED, next_steps=("correct that, or run it without --against",)
    )


def _said(finished: subprocess.CompletedProcess[bytes]) -> str:
    lines = finished.stderr.decode(errors="replace").strip().splitlines()
    return lines[0] if lines else f"exit code {finished.returncode}"
