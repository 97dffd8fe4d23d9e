"""A revision's file with another id and other parents: changed where they stand, and nowhere else."""

import ast
import codecs
import re
from pathlib import Path

from agent_factory.migrate.revisions.parse import bindings, encoding_of, parse_tree, read_revision_file

_LINE_END = re.compile(rb"\r\n|\r|\n")


class CannotEditError(Exception):
    """The file cannot be changed safely; the message says why."""


def edited(
    data: bytes, *, revision: str, parents: tuple[str, ...], depends_on: tuple[str, ...] = ()
) -> bytes:
    """Return the file's bytes with these declarations, and with the lines of its docstring that repeat them.

    Everything else stays as it is, line ends included. Raises CannotEditError for declarations that are
    computed, conditional or made more than once, and for a file that is not UTF-8.
    """
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    body = data.removeprefix(bom)
    tree = _parse(body)
    found = _literals(tree)
    quote = _quote(body, found["revision"])
    spans = [
        (*_span(body, found["revision"]), _literal(revision, quote)),
        (*_span(body, found["down_revision"]), _several(parents, quote)),
    ]
    if "depends_on" in found:
        written = ast.literal_eval(found["depends_on"])
        if _names(written) != depends_on:
            spans.append((*_span(body, found["depends_on"]), _several(depends_on, quote)))
    spans += _docstring_spans(body, tree, ast.literal_eval(found["revision"]), revision, parents)
    for start, end, text in sorted(spans, reverse=True):
        body = body[:start] + text + body[end:]
    result = bom + body
    read = read_revision_file(Path("revision.py"), result)
    if (read.id, read.parents, read.depends_on) != (revision, parents, depends_on) or read.computed:
        raise CannotEditError("after the edit, Python would read something else from it")
    return result


def _parse(body: bytes) -> ast.Module:
    try:
        encoding = encoding_of(body)
        body.decode()
        tree = parse_tree(body)
    except SyntaxError as error:
        raise CannotEditError(f"it is not valid Python: {error.msg}, line {error.lineno}") from error
    except ValueError as error:
        raise CannotEditError("it is not UTF-8") from error
    if encoding != "utf-8":
        raise CannotEditError(f"it is written in {encoding}, not in UTF-8")
    return tree


def _literals(tree: ast.Module) -> dict[str, ast.expr]:
    """What is declared, by name; each is one plain assignment of plain texts."""
    found: dict[str, ast.expr] = {}
    for name, line, value in bindings(tree):
        if name not in ("revision", "down_revision", "depends_on"):
            continue
        if value is None or name in found:
            raise CannotEditError(f"line {line}: {name} is not set once, by a plain assignment")
        if not _is_plain(value):
            raise CannotEditError(f"line {line}: {name} is computed")
        found[name] = value
    missing = [name for name in ("revision", "down_revision") if name not in found]
    if missing:
        raise CannotEditError(f"it declares no {' and no '.join(missing)}")
    if not isinstance(ast.literal_eval(found["revision"]), str):
        raise CannotEditError("its revision is not a string")
    return found


def _is_plain(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.List):
        return all(isinstance(item, ast.Constant) and isinstance(item.value, str) for item in node.elts)
    return isinstance(node, ast.Constant) and isinstance(node.value, str | None)


def _names(written: object) -> tuple[str, ...]:
    if written is None:
        return ()
    return (written,) if isinstance(written, str) else tuple(written)  # type: ignore[arg-type]


def _span(body: bytes, node: ast.expr) -> tuple[int, int]:
    """Where a node begins and ends, in bytes: Python counts columns in bytes of UTF-8."""
    starts = [0, *(match.end() for match in _LINE_END.finditer(body))]
    assert node.end_lineno is not None  # noqa: S101 - ast.parse always sets it
    assert node.end_col_offset is not None  # noqa: S101
    return starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset


def _quote(body: bytes, node: ast.expr) -> bytes:
    start, _end = _span(body, node)
    return body[start : start + 1] if body[start : start + 1] in (b"'", b'"') else b'"'


def _literal(text: str, quote: bytes) -> bytes:
    if re.fullmatch(r"[\w.-]+", text):
        return quote + text.encode() + quote
    return repr(text).encode()


def _several(names: tuple[str, ...], quote: bytes) -> bytes:
    if not names:
        return b"None"
    if len(names) == 1:
        return _literal(names[0], quote)
    return b"(" + b", ".join(_literal(name, quote) for name in names) + b")"


def _docstring_spans(
    body: bytes, tree: ast.Module, old: str, revision: str, parents: tuple[str, ...]
) -> list[tuple[int, int, bytes]]:
    """The lines "Revision ID: 004" and "Revises: 003" that Alembic's template writes."""
    first = tree.body[0] if tree.body else None
    if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
        return []
    if not isinstance(first.value.value, str):
        return []
    start, end = _span(body, first.value)
    spans = []
    for words, was, now in (
        (rb"Revision ID", re.escape(old.encode()), revision),
        (rb"Revises", rb"[^\r\n\"']*?", ", ".join(parents)),
    ):
        line = re.compile(
            rb"(?:^|(?<=[\r\n\"']))([ \t]*" + words + rb":)([ \t]*)(" + was + rb")[ \t]*(?=[\r\n\"'])"
        )
        match = line.search(body, start, end)
        if match is not None and re.fullmatch(r"[\w., -]*", now):
            gap = match[2] or b" "
            spans.append((match.start(2), match.end(3), gap + now.encode() if now else match[2]))
    return spans
