"""Operator classes, and what their families have besides."""

from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.objects import CatalogObject
from agent_factory.migrate.catalog.postgresql.expressions import DUMPED, NAMES, not_of_extension
from agent_factory.migrate.catalog.statements import statements

_NAME = "s.name || '.' || quote_ident(p.opcname) || ' USING ' || quote_ident(m.amname)"

_OF_NO_CLASS = """ NOT EXISTS (SELECT FROM pg_opclass p WHERE p.opcfamily = f.oid
                               AND p.opcintype = a.{of}lefttype AND p.opcintype = a.{of}righttype)"""
_LOOSE_OPERATORS = f"FROM pg_amop a WHERE a.amopfamily = f.oid AND {_OF_NO_CLASS.format(of='amop')}"
_LOOSE_FUNCTIONS = f"FROM pg_amproc a WHERE a.amprocfamily = f.oid AND {_OF_NO_CLASS.format(of='amproc')}"

_OPERATOR_CLASS = Query(
    name=_NAME,
    parent=("'schema'", "s.name"),
    address=f"'OPERATOR CLASS ' || {_NAME}",
    fields=(
        Field("default", "CASE WHEN p.opcdefault THEN 'DEFAULT' END", DUMPED),
        Field("type", "'FOR TYPE ' || format_type(p.opcintype, NULL)", NAMES),
        Field(
            "family",
            "(SELECT 'FAMILY ' || f.opfnamespace::regnamespace || '.' || quote_ident(f.opfname)"
            " FROM pg_opfamily f WHERE f.oid = p.opcfamily"
            " AND ((f.opfname, f.opfnamespace) <> (p.opcname, p.opcnamespace)"
            f" OR EXISTS (SELECT {_LOOSE_OPERATORS}) OR EXISTS (SELECT {_LOOSE_FUNCTIONS})))",
            f"{NAMES}, where it is more than what is made with the class",
        ),
        Field(
            "stored type",
            "CASE WHEN p.opckeytype <> 0 THEN 'STORAGE ' || format_type(p.opckeytype, NULL) END",
            NAMES,
        ),
        Field(
            "operators",
            "(SELECT string_agg('OPERATOR ' || a.amopstrategy || ' ' || a.amopopr::regoperator, ', '"
            " ORDER BY a.amopstrategy) FROM pg_amop a WHERE a.amopfamily = p.opcfamily"
            " AND a.amoplefttype = p.opcintype AND a.amoprighttype = p.opcintype)",
            f"{NAMES}, by strategy number, which the access method defines",
        ),
        Field(
            "functions",
            "(SELECT string_agg('FUNCTION ' || a.amprocnum || ' ' || a.amproc::regprocedure, ', '"
            " ORDER BY a.amprocnum) FROM pg_amproc a WHERE a.amprocfamily = p.opcfamily"
            " AND a.amproclefttype = p.opcintype AND a.amprocrighttype = p.opcintype)",
            f"{NAMES}, by support number, which the access method defines",
        ),
    ),
    source="""schemas s
    JOIN pg_opclass p ON p.opcnamespace = s.oid
    JOIN pg_am m ON m.oid = p.opcmethod""",
    where=not_of_extension("pg_opclass", "p.oid"),
    owner="p.opcowner",
    comment_of=("pg_opclass", "p.oid", "0"),
)

_FAMILY_NAME = "s.name || '.' || quote_ident(f.opfname) || ' USING ' || quote_ident(m.amname)"
_LEFT_AND_RIGHT = "format_type(a.{of}lefttype, NULL) || ', ' || format_type(a.{of}righttype, NULL)"
_OF_OPERATOR, _OF_FUNCTION = (_LEFT_AND_RIGHT.format(of=of) for of in ("amop", "amproc"))

# One without anything of its own comes and goes with the class of its name.
_OPERATOR_FAMILY = Query(
    name=_FAMILY_NAME,
    parent=("'schema'", "s.name"),
    address=f"'OPERATOR FAMILY ' || {_FAMILY_NAME}",
    fields=(
        Field("kind", "'OPERATOR FAMILY'", "a constant"),
        Field(
            "operators of no class",
            "(SELECT string_agg('OPERATOR ' || a.amopstrategy || ' ' || a.amopopr::regoperator, ', '"
            f" ORDER BY a.amopstrategy, {_OF_OPERATOR}) {_LOOSE_OPERATORS})",
            f"{NAMES}, by strategy number and types",
        ),
        Field(
            "functions of no class",
            f"(SELECT string_agg('FUNCTION ' || a.amprocnum || ' (' || {_OF_FUNCTION} || ') '"
            f" || a.amproc::regprocedure, ', ' ORDER BY a.amprocnum, {_OF_FUNCTION}) {_LOOSE_FUNCTIONS})",
            f"{NAMES}, by support number and types",
        ),
    ),
    source="""schemas s
    JOIN pg_opfamily f ON f.opfnamespace = s.oid
    JOIN pg_am m ON m.oid = f.opfmethod""",
    where=f"""{not_of_extension("pg_opfamily", "f.oid")}
      AND (NOT EXISTS (SELECT FROM pg_opclass p WHERE p.opcfamily = f.oid)
           OR EXISTS (SELECT {_LOOSE_OPERATORS}) OR EXISTS (SELECT {_LOOSE_FUNCTIONS}))""",
    owner="f.opfowner",
    comment_of=("pg_opfamily", "f.oid", "0"),
)


def _make_family(one: CatalogObject) -> str | None:
    """Make one that has nothing yet; what it has is not spelled as ALTER OPERATOR FAMILY takes it."""
    return f"CREATE OPERATOR FAMILY {one.name}" if len(one.clauses) == 1 else None


def _drop_family(one: CatalogObject) -> str | None:
    """Drop one that has nothing; one that has may have a class too, which would go with it."""
    return f"DROP OPERATOR FAMILY {one.name}" if len(one.clauses) == 1 else None


def _drop_class(one: CatalogObject) -> str | None:
    """Drop a class, and the family that was made with it."""
    both = None if "family" in one.fields else f"DROP OPERATOR FAMILY {one.name}"
    return statements(*filter(None, (f"DROP OPERATOR CLASS {one.name}", both)))


KINDS = (
    Kind(name="operator class", queries=(_OPERATOR_CLASS,), drop=_drop_class),
    Kind(
        name="operator family",
        queries=(_OPERATOR_FAMILY,),
        make=_make_family,
        drop=_drop_family,
    ),
)
