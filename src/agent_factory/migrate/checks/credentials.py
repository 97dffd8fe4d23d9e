"""Passwords and keys that stand in the project's files: alembic.ini, pyproject.toml, env.py, the revisions.

What is found is reported by its place and by whom it lets in; the secret itself is in no message.
"""

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent_factory.migrate.model.findings import Finding, finding
from agent_factory.migrate.project import HistoryFiles
from agent_factory.migrate.revisions.contents import content_of
from agent_factory.migrate.revisions.normalise import text_of
from agent_factory.redaction import URL_PASSWORD, assigned_password, sql_password

_FILLED_IN_LATER = re.compile(
    r"""%\(\w+\)s | %s | :\w+ | \$\{?\w+\}? | \$\d+ | \{[^{}]*\} | <[^<>]*> | \[[^\[\]]*\]
      | [*xX.\u2022-]+ | .*your.*""",
    re.VERBOSE | re.IGNORECASE,
)
"""What stands where a password will be: of a template, a statement with parameters, an example."""

_DEFAULTS = frozenset(
    {
        *("1234", "12345", "123456", "admin", "change_me", "change-me", "changeme", "dev", "development"),
        *("docker", "example", "local", "mypassword", "mysecretpassword", "pass", "passwd", "password"),
        *("postgres", "pw", "pwd", "root", "secret", "test", "user"),
    }
)
"""Passwords that everybody tries first; on a developer's own machine they are customary."""

_LOCAL_HOST = re.compile(
    r"|localhost|127(\.\d+){3}|\[?::1\]?|0\.0\.0\.0|host\.docker\.internal|db|database|postgres|postgresql",
    re.IGNORECASE,
)
"""This machine, or the customary name of the server beside it in a Compose file."""

_EXAMPLE_HOST = re.compile(r"host(name)?|server|(.*\.)?example(\.com|\.org|\.net)?", re.IGNORECASE)
"""Hosts of examples (RFC 2606, section 3, and words)."""

_HASH = re.compile(r"\$2[aby]?\$|\$argon2|\$scrypt\$|pbkdf2|scrypt:", re.IGNORECASE)
"""What nobody can log in with: a value that a password is compared with."""

_NAME = re.compile(r"(?:.*[_.\-])?(?:pg)?(?:password|passwd|pwd)", re.IGNORECASE)

_NO_PASSWORD = re.compile(
    r".*(?:\s|://).* | (?:[a-z]+_)*(?:password|passwd|pwd)(?:_[a-z]+)*",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
"""A sentence, or a URL; and a name or label that says password itself, as what a column is renamed to."""

_KEY_NAME = re.compile(r"(?:.*[_.\-])?(?:(?:api|secret|access)[_\-]?key|secret|token)", re.IGNORECASE)

_RANDOM = re.compile(
    r"""(?=.*\d) (?=.*[a-z])
    (?! / | .*:: | .*:// | [\w.]+\(.*\)$ | (?:[a-z]+\d*_)*[a-z]+\d*$ )
    \S{16,}""",
    re.IGNORECASE | re.VERBOSE,
)
"""What nobody would remember: long, of letters and digits; no path, no expression, no name in words."""

_KEYS = (
    ("a private key", re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")),
    ("a JSON Web Token", re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}")),
    ("a secret key of Supabase", re.compile(r"\bsb_secret_[\w-]{8,}")),
    ("an access key of AWS", re.compile(r"\bAKIA[0-9A-Z]{16}\b")),
    ("a key of Stripe", re.compile(r"\b[rs]k_live_[0-9A-Za-z]{10,}")),
    ("a token of GitHub", re.compile(r"\b(?:gh[oprsu]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{22})")),
    ("a token of GitLab", re.compile(r"\bglpat-[\w-]{20}")),
    ("a token of Slack", re.compile(r"\bxox[abeoprs]-[\w-]{10,}")),
    ("a secret key of Django", re.compile(r"\bdjango-insecure-\S+")),
)

_WORTH_READING = re.compile(
    r"""://|passw|pwd|PRIVATE\ KEY|\beyJ|\bAKIA|_live_|\bgh[oprsu]_|github_pat_|glpat-|\bxox
      | URL\.create|secret|token|api_?key|access_?key|django-insecure""",
    re.IGNORECASE | re.VERBOSE,
)


_TEXTS = ast.Constant | ast.JoinedStr | ast.BinOp


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """A text of a file: a string of Python or a line of a configuration. ``called`` is what it is there.

    ``name`` is the variable, parameter or option that it is the value of.
    """

    file: Path
    line: int
    text: str
    called: str
    name: str | None = None

    @property
    def place(self) -> str:
        return f"{self.called} in {self.file.name}"


def check_credentials(history: HistoryFiles) -> tuple[Finding, ...]:
    """Return where the project's files hold a password or a key; at most one finding for each line."""
    found: dict[tuple[Path, int | None], Finding] = {}
    for text in _texts(history):
        for item in _judged(text):
            found.setdefault((text.file, item.line), item)
    return tuple(found.values())


def _texts(history: HistoryFiles) -> Iterator[_Text]:
    configuration = history.config_path.absolute()
    if configuration.suffix != ".toml":
        yield from _options(configuration)
    toml = configuration.with_name("pyproject.toml")
    if toml.is_file():
        yield from _options(toml, table="tool.alembic")
    if history.env_py.is_file():
        yield from _python(history.env_py, text_of(content_of(history.env_py)))
    for file in history.files:
        yield from _python(file.path, file.source)


def _options(path: Path, table: str | None = None) -> Iterator[_Text]:
    """The lines of an ini file, or of one table of a TOML file; comments too."""
    name = None
    here = ""
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([\w.\-]+)\s*\]+", line)
        if header:
            here, name = header[1], None
        if table is not None and here != table and not here.startswith(f"{table}."):
            continue
        option = re.match(r"[#;\s]*([A-Za-z][\w.\-]*)\s*[=:](?!//)\s*(.*)", line)
        if option:
            name = option[1]
        value = option[2].strip().strip("\"'") if option else line
        yield _Text(
            file=path,
            line=number,
            text=value.replace("%%", "%"),
            called=name or "the file",
            name=name if option else None,
        )


def _python(path: Path, source: str) -> Iterator[_Text]:
    """The strings of a Python file and its comments; of one that does not parse, the lines."""
    if not _WORTH_READING.search(source):
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        for number, line in enumerate(source.splitlines(), start=1):
            yield _Text(file=path, line=number, text=line, called="the line")
        return
    names = {id(value): name for node in ast.walk(tree) for name, value in _named_values(node)}
    inner = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add))
        for part in ast.iter_child_nodes(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, _TEXTS) and id(node) not in inner:
            name = names.get(id(node))
            text = _string(node)
            yield _Text(file=path, line=node.lineno, text=text, called=name or "a string", name=name)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield _Text(file=path, line=token.start[0], text=token.string, called="a comment")


def _string(node: ast.expr) -> str:
    """The text of a literal, or of a sum of them, empty for other values; what is filled in is ``{}``."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_string(part) if isinstance(part, ast.Constant) else "{}" for part in parts)
        case ast.BinOp(op=ast.Add()):
            return "".join(_string(part) if isinstance(part, _TEXTS) else "{}" for part in _summands(node))
    return ""


def _summands(node: ast.expr) -> list[ast.expr]:
    """What is added up, in its order; a sum of a thousand is a tree as deep."""
    parts = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts.append(node.right)
        node = node.left
    return [node, *reversed(parts)]


def _named_values(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What is assigned to a name: variables, parameters, keys of a dict, defaults of the environment's."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                match target:
                    case ast.Name(id=name) | ast.Attribute(attr=name):
                        yield name, value
                    case ast.Subscript(slice=ast.Constant(value=str(name))):
                        yield name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value
        case ast.keyword(arg=str(name), value=value):
            yield name, value
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value
        case ast.Call(
            func=ast.Attribute(attr="get" | "getenv" | "setdefault") | ast.Name(id="getenv"),
            args=[ast.Constant(value=str(name)), value],
        ):
            yield name, value
        case ast.Call(
            func=ast.Attribute(attr="create", value=ast.Name(id="URL") | ast.Attribute(attr="URL")),
            args=[_, _, password, *_],
        ):
            yield "password", password


def _judged(text: _Text) -> Iterator[Finding]:
    yield from _urls(text)
    yield from _sql(text)
    yield from _assigned(text)
    if text.name and _NAME.fullmatch(text.name) and not _NO_PASSWORD.fullmatch(text.text):
        yield from _password(text, 0, text.text, f"{text.place} is a password")
    for what, pattern in _KEYS:
        for match in pattern.finditer(text.text):
            yield _found("credentials", text, match.start(), f"{text.place} holds {what}")
    if text.name and _KEY_NAME.fullmatch(text.name) and _RANDOM.fullmatch(text.text):
        yield from _password(text, 0, text.text, f"{text.place} is a secret key")


def _urls(text: _Text) -> Iterator[Finding]:
    for match in URL_PASSWORD.finditer(text.text):
        scheme, _, login = match[1].partition("://")
        user = login.removesuffix(":")
        # A password may hold "@": what is certainly none of it stands behind the last one.
        rest = re.match(r"[^\s\"'<>]*", text.text[match.start(2) :])
        password, _, after = (rest[0] if rest else "").rpartition("@")
        host = re.split(r"[/?#]", after)[0].rpartition(":")[0] or re.split(r"[:/?#]", after)[0]
        if scheme.casefold() == "driver":
            continue  # Alembic's own template: driver://user:pass@localhost/dbname
        yield from _password(
            text,
            match.start(),
            password,
            f"{text.place} holds the password of {_login(user, host)}",
            user,
            host,
        )


def _sql(text: _Text) -> Iterator[Finding]:
    for match in sql_password().finditer(text.text):
        value = _unquoted(match[0][len(match[1]) :])
        if value and not _FILLED_IN_LATER.fullmatch(value):
            yield _found("credentials", text, match.start(), f"{text.place} sets a password in SQL")


def _assigned(text: _Text) -> Iterator[Finding]:
    """``password=...`` of a connection string, and ``password = '...'`` of SQL."""
    is_dsn = re.search(r"\b(?:host|hostaddr|dbname|user)\s*=|://", text.text)
    for match in assigned_password().finditer(text.text):
        written = match[0][len(match[1]) :]
        if not is_dsn and not written.startswith("'"):
            continue  # a column that is set to an expression
        host = re.search(r"\bhost\s*=\s*'?([^\s'&]*)", text.text)
        user = re.search(r"\buser\s*=\s*'?([^\s'&]*)", text.text)
        yield from _password(
            text,
            match.start(),
            _unquoted(written.partition("&")[0]),
            f"{text.place} holds a password",
            user[1] if user else "",
            host[1] if host else "",
        )


def _password(
    text: _Text, start: int, password: str, message: str, user: str = "", host: str = ""
) -> Iterator[Finding]:
    """A finding, unless it is no password; customary ones of a developer's own machine are only noted."""
    if not password or _FILLED_IN_LATER.fullmatch(password) or _HASH.match(password):
        return
    code = "credentials"
    if password.casefold() in _DEFAULTS or password == user:
        if _EXAMPLE_HOST.fullmatch(host):
            return
        if _LOCAL_HOST.fullmatch(host) or _FILLED_IN_LATER.fullmatch(host):
            code = "local-credentials"
    yield _found(code, text, start, message)


def _found(code: str, text: _Text, start: int, message: str) -> Finding:
    line = text.line + text.text[:start].count("\n")
    return finding(code, message, file=text.file, line=line)


def _login(user: str, host: str) -> str:
    who = user if user and not _FILLED_IN_LATER.fullmatch(user) else "somebody"
    where = host if re.fullmatch(r"[\w.\-]+|\[[0-9a-fA-F:.]+\]", host) else "a server"
    return f"{who} at {where}"


def _unquoted(written: str) -> str:
    return written.strip().removeprefix("E").strip("'\"")
