"""What a revision's functions read of the clock, the environment and chance.

It is the second best, read from the file's syntax tree without running it: what an imported function reads is
not seen. A value counts where it decides what is sent: where a condition or a loop asks for it, or where it
becomes a part of a text. One that only is a parameter, or a default of a column, changes no statement.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from agent_factory.migrate.revisions.parse import parse_tree

_CLOCK = "the clock"
_ENVIRONMENT = "the environment"
_CHANCE = "a random value"

_CALLS = {
    **dict.fromkeys(
        (
            *(f"datetime.datetime.{name}" for name in ("now", "utcnow", "today")),
            *(
                "date.today",
                "datetime.date.today",
                "time.time",
                "time.time_ns",
                "time.localtime",
                "time.gmtime",
            ),
            *("time.strftime", "time.monotonic"),
        ),
        _CLOCK,
    ),
    **dict.fromkeys(
        (
            *("os.getenv", "os.environ.get", "os.environ", "os.getlogin", "os.cpu_count", "getpass.getuser"),
            *("socket.gethostname", "platform.node", "platform.system", "sys.argv"),
        ),
        _ENVIRONMENT,
    ),
    **dict.fromkeys(
        (
            *("uuid.uuid1", "uuid.uuid4", "os.urandom"),
            *(f"random.{name}" for name in ("random", "randint", "choice", "choices", "sample", "randrange")),
            *(f"random.{name}" for name in ("shuffle", "uniform", "getrandbits", "randbytes")),
            *(
                f"secrets.{name}"
                for name in ("token_hex", "token_urlsafe", "token_bytes", "choice", "randbelow")
            ),
        ),
        _CHANCE,
    ),
}
"""What reads something, by its whole name."""

_PARAMETERS = {"bulk_insert", "values", "bindparams", "params", "bindparam", "append", "Column"}
"""What takes values that become no text."""
_CONVERSIONS = {"str", "int", "float", "bool", "len", "repr", "sorted", "list"}
_SAYS = {"print", "debug", "info", "warning", "error", "exception", "critical", "log", "write"}
"""What shows a text to people."""
_FOLLOWED = 5
"""Names through which one value is followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideRead:
    """``what`` is read in ``line`` by ``code``."""

    what: str
    line: int
    code: str


def outside_reads(data: bytes, function: str) -> tuple[OutsideRead, ...]:
    """Return what this function of a revision's file reads, with those of the file that it calls.

    What is read at the file's outermost level counts too. Nothing of a file that is no Python.
    """
    try:
        tree = parse_tree(data)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    reader = _Reader(tree)
    found = (read for scope in reader.reached(function) for read in reader.reads_in(scope))
    return tuple(sorted(dict.fromkeys(found), key=lambda read: read.line))


class _Reader:
    """One file. ``_parents`` leads from each node to the one that it is part of."""

    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        self._functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        self._full_names = dict(_imported(tree))

    def reached(self, function: str) -> Iterator[ast.AST]:
        """Yield the function and those that it calls, and the statements around them."""
        waiting, seen = [function], set[str]()
        while waiting:
            name = waiting.pop()
            node = self._functions.get(name)
            if node is None or name in seen:
                continue
            seen.add(name)
            yield node
            waiting += [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]
        yield from (node for node in self._tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef))

    def reads_in(self, scope: ast.AST) -> Iterator[OutsideRead]:
        for node in ast.walk(scope):
            what = self._what(node)
            if what is not None and self._decides(node, _FOLLOWED):
                yield OutsideRead(what=what, line=getattr(node, "lineno", 0), code=ast.unparse(node)[:60])

    def _what(self, node: ast.AST) -> str | None:
        if isinstance(node, ast.Subscript):
            name = self._name(node.value)
            return _CALLS.get(name) if name in ("os.environ", "sys.argv") else None
        if isinstance(node, ast.Compare):  # "X" in os.environ
            names = [self._name(each) for each in node.comparators]
            return _ENVIRONMENT if "os.environ" in names else None
        if not isinstance(node, ast.Call):
            return None
        name = self._name(node.func)
        return _CALLS.get(name)

    def _name(self, node: ast.AST) -> str:
        """Return the whole name of what is called, its import in the place of its first part."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        first = self._full_names.get(node.id, node.id)
        return ".".join([first, *reversed(parts)])

    def _decides(self, node: ast.AST, depth: int, *, in_text: bool = False) -> bool:
        """Say whether the value of this node decides what is sent, as far as the file shows.

        ``in_text``: it has become a part of a text by now.
        """
        if depth == 0:
            return False
        while (parent := self._parents.get(node)) is not None:
            match parent:
                case ast.FormattedValue():
                    in_text = True
                case ast.BinOp(op=ast.Add() | ast.Mod(), left=left, right=right) if _is_text(
                    left
                ) or _is_text(right):
                    in_text = True
                case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) if node is test:
                    return True
                case ast.For(iter=each) if node is each:
                    return True
                case ast.comprehension():
                    return True
                case ast.Call():
                    return self._decides_in_call(parent, node, depth, in_text=in_text)
                case ast.Assign(targets=[ast.Name(id=name)]) | ast.NamedExpr(target=ast.Name(id=name)):
                    if any(
                        self._decides(use, depth - 1, in_text=in_text) for use in self._uses(name, parent)
                    ):
                        return True
                case ast.Return():
                    return any(
                        self._decides(call, depth - 1, in_text=in_text) for call in self._calls_around(parent)
                    )
                case ast.Dict():
                    return False
            if isinstance(parent, ast.stmt):
                return False
            node = parent
        return False

    def _decides_in_call(self, call: ast.Call, node: ast.AST, depth: int, *, in_text: bool) -> bool:
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if called == "format" and node is not call.func:
            return self._decides(call, depth, in_text=True)
        # What is called on the value, as datetime.now().strftime(...), or makes another of it.
        if node is call.func or called in _CONVERSIONS:
            return self._decides(call, depth, in_text=in_text)
        if called in ("execute", "text"):
            return bool(call.args) and node is call.args[0]
        if called in _PARAMETERS or called in _SAYS:
            return False
        if isinstance(call.func, ast.Attribute) and self._name(call.func.value) == "alembic.op":
            return True
        return in_text and not called[:1].isupper()  # a row of a model's, or an exception

    def _calls_around(self, inner: ast.AST) -> Iterator[ast.Call]:
        """Yield the calls of the function that this is in."""
        function = self._function_of(inner)
        if function is not None:
            for node in ast.walk(self._tree):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id == function.name
                ):
                    yield node

    def _uses(self, name: str, assigned: ast.AST) -> Iterator[ast.AST]:
        """Yield where a name is used, in the function in which it is assigned or, at the top, everywhere."""
        scope = self._function_of(assigned) or self._tree
        for node in ast.walk(scope):
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
                yield node

    def _function_of(self, node: ast.AST) -> ast.FunctionDef | None:
        while (parent := self._parents.get(node)) is not None:
            if isinstance(parent, ast.FunctionDef):
                return parent
            node = parent
        return None


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each name that the file imports, with its whole name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.asname, alias.name) for alias in node.names if alias.asname)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
