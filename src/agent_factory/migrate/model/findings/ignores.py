"""What a project's configuration leaves out of its findings, with a reason."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from agent_factory.migrate.model.findings.found import Finding, Ignored, finding
from agent_factory.migrate.model.findings.rules import RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """Findings that are to be left out: those of ``code`` whose object and file match, where these are given.

    ``object`` and ``file`` are patterns as a shell has them; ``file`` is seen from the folder of ``source``.
    ``source`` and ``line`` are where the project says it; a line that is not certain is None.
    """

    code: str
    object: str | None = None
    file: str | None = None
    reason: str = ""
    source: Path
    line: int | None = None


def apply_ignores(
    findings: Sequence[Finding], ignores: Iterable[Ignore], looked_for: Collection[str]
) -> tuple[tuple[Finding, ...], tuple[Ignored, ...]]:
    """Return the findings that are left, and those that the project ignores.

    An ignore without a reason, which ignores nothing, and one that matches nothing are findings themselves;
    the latter only if its code is among those that were ``looked_for``, or is no finding's.
    """
    left = list(findings)
    ignored: list[Ignored] = []
    faults: list[Finding] = []
    for item in ignores:
        if not item.reason:
            faults.append(_fault("ignore-without-reason", f"{_shown(item)} gives no reason", item))
            continue
        if item.code not in RULES:
            faults.append(_fault("unused-ignore", f"no finding is called {item.code!r}", item))
        elif item.code in looked_for and not any(_matches(item, one) for one in findings):
            faults.append(_fault("unused-ignore", f"{_shown(item)} matches nothing", item))
        ignored += [Ignored(finding=one, reason=item.reason) for one in left if _matches(item, one)]
        left = [one for one in left if not _matches(item, one)]
    return (*left, *faults), tuple(ignored)


def is_ignored(found: Finding, ignores: Iterable[Ignore]) -> bool:
    """Say whether the project ignores a finding."""
    return any(item.reason and _matches(item, found) for item in ignores)


def _matches(ignore: Ignore, found: Finding) -> bool:
    if ignore.code != found.code:
        return False
    if ignore.object is not None and not fnmatchcase(found.object or "", ignore.object):
        return False
    return ignore.file is None or fnmatchcase(_seen_from(ignore.source.parent, found.file), ignore.file)


def _seen_from(folder: Path, file: Path | None) -> str:
    if file is None:
        return ""
    return (file.relative_to(folder) if file.is_relative_to(folder) else file).as_posix()


def _fault(code: str, message: str, ignore: Ignore) -> Finding:
    return finding(code, message, file=ignore.source, line=ignore.line)


def _shown(ignore: Ignore) -> str:
    patterns = (("object", ignore.object), ("file", ignore.file))
    where = "".join(f", {name} {pattern}" for name, pattern in patterns if pattern is not None)
    return f"the ignore of {ignore.code}{where}"
