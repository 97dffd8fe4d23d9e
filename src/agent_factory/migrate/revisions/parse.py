"""Revision files, read without running them: what each declares, and on which line.

Alembic imports every file, and stops at the first that it cannot take. What is wrong with a history has to be
reported too, and with all its files; so the declarations are read from the syntax tree.
"""

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

DECLARATIONS = ("revision", "down_revision", "branch_labels", "depends_on")
"""The names that Alembic reads from a revision file."""

FILE_NAME = re.compile(r"(?!\.#|__init__).*\.py")
"""What Alembic takes for a revision in a folder of versions (alembic.script.base, 1.20)."""

_COMPUTED = object()
_DECLARATION = re.compile(rf"(?P<name>{'|'.join(DECLARATIONS)})\b[^=\n]*=(?!=)(?P<value>.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Why a file cannot be read or imported, in words, and the line, where there is one.

    ``remedy`` is None where nothing is known but that the line has to be corrected.
    """

    why: str
    line: int | None = None
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """Why Alembic cannot run what a file calls ``upgrade`` or ``downgrade``, and on which line that is."""

    name: str
    why: str
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionFile:
    """What one file declares.

    ``name`` is its path as a person types it in the project's folder. ``doc`` is the text that it begins
    with. ``id`` is None where the file has none, or where it is not known: ``computed`` are the declarations
    that are known only by running the file. ``lines`` are where the declarations are, ``defines`` the names
    that the file has at its outermost level, with "*" for what a star import may bring. ``unfit`` are the
    functions that running the file has shown to be none that Alembic can run.
    """

    path: Path
    name: str
    source: str
    doc: str | None = None
    id: str | None = None
    parents: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    lines: tuple[tuple[str, int], ...] = ()
    defines: frozenset[str] = frozenset()
    computed: frozenset[str] = frozenset()
    unfit: tuple[Unfit, ...] = ()
    broken: Broken | None = None

    def line(self, declaration: str) -> int | None:
        """Return the line on which the file declares this, from 1; None where it does not."""
        return dict(self.lines).get(declaration)

    def place(self, declaration: str) -> str:
        """Return where the file declares this, as a compiler writes it: ``alembic/versions/001_x.py:7``."""
        line = self.line(declaration)
        return f"{self.name}:{line}" if line else self.name


def read_revision_file(path: Path, data: bytes, *, name: str | None = None) -> RevisionFile:
    """Read a revision file of this content; ``path`` is where it is, or would be.

    A file that is no Python is returned as broken, with what its lines seem to declare.
    """
    name = name or path.name
    try:
        source = _decode(data)
        tree = parse_tree(data)
    except SyntaxError as error:
        broken = Broken(why=f"it is not valid Python: {error.msg}", line=error.lineno)
    except (ValueError, RecursionError) as error:
        broken = Broken(why=f"it cannot be read: {error}")
    else:
        return _read_tree(RevisionFile(path=path, name=name, source=source), tree)
    return _read_lines(
        RevisionFile(path=path, name=name, source=data.decode(errors="replace"), broken=broken)
    )


def with_values(file: RevisionFile, values: Mapping[str, object]) -> RevisionFile:
    """Return the file with these values of its declarations, as running it gives them.

    A value of a type that Alembic does not take counts as computed.
    """
    revision = values.get("revision")
    texts = {name: _texts(values.get(name)) for name in DECLARATIONS}
    if not isinstance(revision, str | None):
        texts["revision"] = None
    return replace(
        file,
        id=revision if isinstance(revision, str) else None,
        parents=texts["down_revision"] or (),
        depends_on=texts["depends_on"] or (),
        labels=texts["branch_labels"] or (),
        computed=frozenset(name for name, found in texts.items() if found is None),
        defines=file.defines | set(values),
    )


def _read_tree(file: RevisionFile, tree: ast.Module) -> RevisionFile:
    values: dict[str, object] = {}
    lines: dict[str, int] = {}
    defines: set[str] = set()
    for bound, line, value in bindings(tree):
        defines.add(bound)
        if bound in DECLARATIONS:
            values[bound] = _value(value)
            lines[bound] = line
    doc = ast.get_docstring(tree, clean=False)
    return with_values(replace(file, doc=doc, lines=tuple(lines.items()), defines=frozenset(defines)), values)


def _read_lines(file: RevisionFile) -> RevisionFile:
    values: dict[str, object] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(file.source.splitlines(), start=1):
        match = _DECLARATION.match(line)
        if match:
            lines[match["name"]] = number
            values[match["name"]] = _value(match["value"].strip())
    return with_values(replace(file, lines=tuple(lines.items())), values)


def encoding_of(data: bytes) -> str:
    """Return the encoding that the file names, or UTF-8 (PEP 263). Raises SyntaxError for an unknown one."""
    encoding, _lines = tokenize.detect_encoding(io.BytesIO(data).readline)
    return encoding


def _decode(data: bytes) -> str:
    return io.TextIOWrapper(io.BytesIO(data), encoding_of(data), newline=None).read()


def parse_tree(data: bytes) -> ast.Module:
    """Return the syntax tree of a file. Raises SyntaxError, ValueError and RecursionError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an odd escape is for Python to warn of, when it imports the file
        return ast.parse(data)


def _texts(value: object) -> tuple[str, ...] | None:
    """The texts of a declaration, none for None; None where it is neither a text nor several."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, tuple | list | set | frozenset) and all(isinstance(item, str) for item in value):
        return tuple(value) if isinstance(value, tuple | list) else tuple(sorted(value))
    return None


def bindings(tree: ast.Module) -> Iterator[tuple[str, int, ast.expr | None]]:
    """Yield the names that a file binds at its outermost level, each with its line and what it is bound to.

    That is None for all but plain assignments, since it is known only by running the file.
    """
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, node.lineno, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, node.lineno, value
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno, None
                yield from _reached_out_of(node)
            case _:
                yield from _computed(node)


def _computed(node: ast.stmt) -> Iterator[tuple[str, int, None]]:
    """What a statement binds that is no plain assignment, or that is one under a condition."""
    for inner in ast.walk(node):
        match inner:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                yield name, inner.lineno, None
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, inner.lineno, None
            case ast.alias(name=name, asname=other):
                yield (other or name).partition(".")[0], inner.lineno, None


def _reached_out_of(function: ast.stmt) -> Iterator[tuple[str, int, None]]:
    """What a function or a class may bind outside of itself."""
    for inner in ast.walk(function):
        if isinstance(inner, ast.Global):
            yield from ((name, inner.lineno, None) for name in inner.names)


def _value(node: ast.expr | str | None) -> object:
    if node is None:
        return _COMPUTED
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _COMPUTED
