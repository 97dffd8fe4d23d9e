"""Whether env.py does with a connection what every env.py does, so that a read needs not run it.

Followed is what runs when a connection is handed over: the branch that takes it, or connects by the engine
of ``sqlalchemy.url``, which borrows it, and the functions that are called. Each step there has to be one of
those known here; the rest of the file may hold anything.
"""

import ast
from collections.abc import Sequence

_CONFIGURED = frozenset(
    {
        *("connection", "target_metadata", "transaction_per_migration", "transactional_ddl"),
        *("compare_type", "compare_server_default", "render_as_batch", "render_item", "literal_binds"),
        *("include_object", "include_name", "include_schemas", "process_revision_directives"),
        *("user_module_prefix", "sqlalchemy_module_prefix", "alembic_module_prefix", "template_args"),
    }
)
"""Options of context.configure() that do not change where a database's revisions are read."""

_HARMLESS = frozenset(
    {
        *("str", "Path", "pathlib.Path", "sys.path.append", "sys.path.insert", "os.getcwd"),
        *("os.path.abspath", "os.path.dirname", "os.path.join", "os.path.realpath"),
        *("fileConfig", "logging.config.fileConfig"),  # what is logged is no part of an answer
    }
)
_OF_PATHS = frozenset({"resolve", "absolute"})


class _NotPlainError(Exception):
    """A step that is not known here."""


def is_plain(data: bytes) -> bool:
    """Say whether this env.py hands the connection it is given to Alembic, and nothing else happens to it."""
    try:
        tree = ast.parse(data)
        reader = _Reader(tree)
        reader.follow(tree.body, frozenset())
    except (SyntaxError, ValueError, RecursionError, _NotPlainError):
        return False
    return reader.takes_context and reader.steps == ["configure", "begin_transaction", "run_migrations"]


class _Reader:
    """Follows the statements in the order in which they run; ``steps`` are those of Alembic's context."""

    def __init__(self, tree: ast.Module) -> None:
        self._functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        self._called: list[str] = []
        self._engines: set[str] = set()
        self.steps: list[str] = []
        self.takes_context = any(
            isinstance(node, ast.ImportFrom)
            and node.module == "alembic"
            and any(alias.name == "context" and alias.asname is None for alias in node.names)
            for node in tree.body
        )

    def follow(self, body: Sequence[ast.stmt], given: frozenset[str]) -> bool:
        """Follow a block in which these names are the connection; say whether it left its function."""
        for node in body:
            match node:
                case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Expr(value=ast.Constant()):
                    pass
                case ast.FunctionDef(decorator_list=[]):
                    pass
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                ):
                    given = self._assign(name, value, given)
                case ast.If(test=test, body=taken, orelse=other):
                    if self._follow_if(test, taken, other, given):
                        return True
                case ast.With(items=items, body=inner):
                    inside = given
                    for item in items:
                        inside |= self._enter(item, given)
                    if self.follow(inner, inside):
                        return True
                case ast.Return(value=None):
                    return True
                case ast.Expr(value=value):
                    self._check(value, given)
                case _:
                    raise _NotPlainError
        return False

    def _enter(self, item: ast.withitem, given: frozenset[str]) -> frozenset[str]:
        """Return the name that is the connection in the block of this item."""
        match item:
            case ast.withitem(
                context_expr=ast.Call(
                    func=ast.Attribute(value=ast.Name(id=engine), attr="connect"), args=[], keywords=[]
                ),
                optional_vars=ast.Name(id=name),
            ) if engine in self._engines:
                return frozenset({name})
            case ast.withitem(optional_vars=None):
                self._check(item.context_expr, given)
                return frozenset()
        raise _NotPlainError

    def _assign(self, name: str, value: ast.expr, given: frozenset[str]) -> frozenset[str]:
        if name == "context" or name in self._functions:
            raise _NotPlainError
        if _is_handed_over(value):
            return given | {name}
        self._engines.discard(name)
        if _is_of_configuration(value):
            self._engines.add(name)
            return given - {name}
        self._check(value, given)
        return given - {name}

    def _follow_if(
        self, test: ast.expr, taken: Sequence[ast.stmt], other: Sequence[ast.stmt], given: frozenset[str]
    ) -> bool:
        match test:
            case ast.Compare(
                left=ast.Name(id=name), ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]
            ):
                known = name in given
                return self.follow(taken, given) if known else self._neither(test, taken, other, given)
            case ast.Compare(left=ast.Name(id=name), ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
                known = name in given
                return self.follow(other, given) if known else self._neither(test, taken, other, given)
            case ast.Call() if _dotted(test.func) == "context.is_offline_mode":
                return self.follow(other, given)
            case _:
                return self._neither(test, taken, other, given)

    def _neither(
        self, test: ast.expr, taken: Sequence[ast.stmt], other: Sequence[ast.stmt], given: frozenset[str]
    ) -> bool:
        """It is not known which branch runs: neither may touch what matters."""
        self._check(test, given)
        before = list(self.steps)
        for branch in (taken, other):
            if self.follow(branch, given) or self.steps != before:
                raise _NotPlainError
            assigned = {node.id for each in branch for node in ast.walk(each) if isinstance(node, ast.Name)}
            if assigned & given:
                raise _NotPlainError
        return False

    def _check(self, node: ast.expr, given: frozenset[str]) -> None:
        """Raise unless working this out is harmless."""
        match node:
            case ast.Constant() | ast.Name() | ast.Lambda():
                return
            case ast.Attribute(value=value):
                self._check(value, given)
            case ast.Subscript(value=ast.Attribute(attr="parents"), slice=ast.Constant()):
                self._check(node.value, given)
            case ast.Tuple(elts=items) | ast.List(elts=items):
                for item in items:
                    self._check(item, given)
            case ast.BinOp(left=left, op=ast.Div() | ast.Add(), right=right):
                self._check(left, given)
                self._check(right, given)
            case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot()], comparators=[right]):
                self._check(left, given)
                self._check(right, given)
            case ast.Call():
                self._check_call(node, given)
            case _:
                raise _NotPlainError

    def _check_call(self, node: ast.Call, given: frozenset[str]) -> None:
        called = _dotted(node.func)
        owner, _, method = called.rpartition(".")
        if called == "context.configure":
            self._check_configured(node, given)
        elif owner == "context" and method in ("begin_transaction", "run_migrations"):
            if node.args or node.keywords:
                raise _NotPlainError
        elif called in self._functions:
            self._call(self._functions[called], node, given)
        elif called in _HARMLESS or (isinstance(node.func, ast.Attribute) and node.func.attr in _OF_PATHS):
            if isinstance(node.func, ast.Attribute):
                self._check(node.func.value, given)
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                self._check(argument, given)
        else:
            raise _NotPlainError
        if owner == "context":
            self.steps.append(method)

    def _check_configured(self, node: ast.Call, given: frozenset[str]) -> None:
        options = {keyword.arg: keyword.value for keyword in node.keywords}
        connection = options.get("connection")
        if node.args or options.keys() - _CONFIGURED or len(options) != len(node.keywords):
            raise _NotPlainError
        if not isinstance(connection, ast.Name) or connection.id not in given:
            raise _NotPlainError
        for value in options.values():
            self._check(value, given)

    def _call(self, function: ast.FunctionDef, node: ast.Call, given: frozenset[str]) -> None:
        """Follow a function of the file; the connection may be handed to it by position."""
        if node.keywords or function.name in self._called:
            raise _NotPlainError
        for argument in node.args:
            self._check(argument, given)
        taken = function.args
        if taken.vararg or taken.kwarg or taken.kwonlyargs or taken.posonlyargs or taken.defaults:
            raise _NotPlainError
        names = [argument.arg for argument in taken.args]
        if len(names) != len(node.args):
            raise _NotPlainError
        handed = {
            name
            for name, value in zip(names, node.args, strict=True)
            if isinstance(value, ast.Name) and value.id in given
        }
        self._called.append(function.name)
        self.follow(function.body, (given - set(names)) | handed)


def _is_handed_over(node: ast.expr) -> bool:
    """Say whether this is ``context.config.attributes.get("connection")``, or the same of ``config``."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=owner, attr="get"),
            args=[ast.Constant(value="connection")]
            | [ast.Constant(value="connection"), ast.Constant(value=None)],
            keywords=[],
        ):
            return _dotted(owner) in ("context.config.attributes", "config.attributes")
    return False


def _is_of_configuration(node: ast.expr) -> bool:
    """Say whether this is the engine that Alembic's own template makes, of ``sqlalchemy.url``."""
    match node:
        case ast.Call(
            func=ast.Name(id="engine_from_config"),
            args=[
                ast.Call(
                    func=section,
                    args=[named] | [named, ast.Dict(keys=[])],
                    keywords=[],
                )
            ],
            keywords=options,
        ):
            given = {option.arg: option.value for option in options}
            return (
                _dotted(section) in ("config.get_section", "context.config.get_section")
                and _dotted(named) in ("config.config_ini_section", "context.config.config_ini_section")
                and given.keys() <= {"prefix", "poolclass"}
                and isinstance(prefix := given.get("prefix"), ast.Constant)
                and prefix.value == "sqlalchemy."
                and _dotted(given.get("poolclass", ast.Name(id="pool"))).split(".")[0] in ("pool", "NullPool")
            )
    return False


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            owner = _dotted(value)
            return f"{owner}.{attr}" if owner else ""
    return ""
