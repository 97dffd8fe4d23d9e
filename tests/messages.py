"""Print every text that a user may see, module by module: ``python -m tests.messages``.

Texts are the strings of the source that read like words: not docstrings, not SQL, not names. What is filled
in stands in braces. It is for reading them one after the other, as somebody does who sees nothing else.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "agent_factory"
_WORDS = re.compile(r"[A-Za-z{]\S* \S*[A-Za-z}]")
_SQL = re.compile(
    r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|SET|FROM|WHERE|CASE|JOIN|LEFT|AND|OR|ORDER|GROUP|"
    r"VALUES|BEGIN|END|COALESCE|PRAGMA|EXECUTE|LOCK|SHOW|WHEN|EXISTS|UNION|ARRAY)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text and where it stands."""

    path: Path
    line: int
    text: str


def texts() -> Iterator[Text]:
    """Yield every text, in the order of the files and lines."""
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in _strings(tree):
            text = _shown(node)
            if _WORDS.search(text) and not _SQL.match(text):
                yield Text(path=path, line=node.lineno, text=text)


def _strings(tree: ast.Module) -> Iterator[ast.Constant | ast.JoinedStr]:
    """Yield the strings that are no docstrings and no parts of other strings."""
    left: list[ast.AST] = [tree]
    while left:
        node = left.pop(0)
        if isinstance(node, ast.JoinedStr | ast.Constant):
            if isinstance(node, ast.JoinedStr) or isinstance(node.value, str):
                yield node
            continue
        inner = list(ast.iter_child_nodes(node))
        left[:0] = [
            child
            for child in inner
            if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant))
        ]


def _shown(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = (
        f"{{{ast.unparse(part.value)}}}" if isinstance(part, ast.FormattedValue) else ast.literal_eval(part)
        for part in node.values
    )
    return "".join(map(str, parts))


def main() -> None:
    """Print them."""
    last = None
    for text in texts():
        if text.path != last:
            sys.stdout.write(f"\n{text.path.relative_to(SOURCE)}\n")
            last = text.path
        sys.stdout.write(f"{text.line:5}  {text.text}\n")


if __name__ == "__main__":
    main()
