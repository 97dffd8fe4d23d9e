"""Relations of a PostgreSQL database as its catalog has them, and marks that tell whether they changed."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from agent_factory.migrate.db.driver import Cursor
from agent_factory.migrate.rehearsal.trace.prepared import Prepared

FIRST_USER_OID = 16384
"""Objects below are made by initdb: the system's catalogs (access/transam.h, FirstNormalObjectId)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column. ``type_key`` and ``default_key`` are the same as long as type and default are.

    The texts depend on the search_path of the session that reads them, the keys do not.
    """

    name: str
    type: str
    type_key: str
    not_null: bool
    default: str | None
    default_key: str

    @property
    def definition(self) -> str:
        not_null = " NOT NULL" if self.not_null else ""
        return f"{self.type}{not_null}{f' {self.default}' if self.default else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A constraint; ``type`` is a letter of ``pg_constraint.contype``, ``index`` an oid or 0.

    ``column`` is the number of its first column, 0 when it is about none; ``refers_to`` the table that a
    foreign key refers to, 0 for others.
    """

    name: str
    type: str
    definition: str
    is_valid: bool
    options: str
    index: int
    column: int
    refers_to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An index, a trigger or a policy of a relation."""

    name: str
    definition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table, view or sequence. ``owner`` is the table that a sequence's column is of, or None.

    ``kind`` is a letter of ``pg_class.relkind``, ``filenode`` the file it is in, ``mark`` the same as long
    as nobody writes to its rows of the catalog. Columns are by their number, all else by oid; constraints
    have no indexes of their own in ``indexes``.
    """

    oid: int
    kind: str
    name: str
    filenode: int
    tablespace: int
    has_row_security: bool
    owner: int | None
    query: str | None
    mark: str
    parents: frozenset[int]
    columns: dict[int, Column]
    constraints: dict[int, Constraint]
    indexes: dict[int, Part]
    triggers: dict[int, Part]
    policies: dict[int, Part]

    @property
    def is_view(self) -> bool:
        return self.kind in "vm"

    @property
    def index_oids(self) -> frozenset[int]:
        of_constraints = {c.index for c in self.constraints.values() if c.type in "pux"}
        return frozenset(self.indexes.keys() | of_constraints)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enum:
    """An enum type; its labels are by oid, which a rename keeps."""

    name: str
    labels: dict[int, str]


# Where each row of the catalog is: an update puts it elsewhere, and the old place is not used again while
# the transaction lasts. PostgreSQL updates statistics in place, so those do not count.
_ROWS = (
    ("pg_attribute", "attrelid"),
    ("pg_attrdef", "adrelid"),
    ("pg_constraint", "conrelid"),
    ("pg_index", "indrelid"),
    ("pg_trigger", "tgrelid"),
    ("pg_policy", "polrelid"),
    ("pg_inherits", "inhrelid"),
    ("pg_rewrite", "ev_class"),
    ("pg_statistic_ext", "stxrelid"),
)
_PLACES = "(SELECT sum(pg_catalog.hashtext(ctid::text)::bigint) FROM pg_catalog.{} WHERE {})"
MARK = ", ".join(
    (
        "pg_catalog.concat_ws('/', c.ctid",
        *(_PLACES.format(table, f"{column} = c.oid") for table, column in _ROWS),
        "(SELECT sum((SELECT pg_catalog.hashtext(x.ctid::text)::bigint FROM pg_catalog.pg_class x"
        " WHERE x.oid = i.indexrelid)) FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid)",
        _PLACES.format("pg_description", "objoid = c.oid AND classoid = 'pg_catalog.pg_class'::regclass)"),
    )
)
"""SQL that gives the mark of the ``pg_class`` row ``c``."""

ENUM_MARK = (
    "(SELECT pg_catalog.concat_ws('/', count(*), sum(pg_catalog.hashtext(ctid::text)::bigint)) "
    "FROM pg_catalog.pg_enum)"
)
"""SQL that gives one mark for the values of all enum types."""

_OURS = f"""
    c.oid >= {FIRST_USER_OID} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
"""

_MARKS = f"SELECT c.oid, {MARK} FROM pg_catalog.pg_class c WHERE {_OURS}"  # noqa: S608 - of constants

# Look-ups instead of joins: of a catalog that was just filled there are no statistics, and the planner would
# read all of it for one relation.
_RELATIONS = f"""
SELECT c.relname, c.oid, c.relkind,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
       c.relfilenode, c.reltablespace, c.relrowsecurity,
       (SELECT d.refobjid FROM pg_catalog.pg_depend d
        WHERE c.relkind = 'S' AND d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid
          AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
        LIMIT 1),
       CASE WHEN c.relkind IN ('v', 'm') THEN pg_catalog.pg_get_viewdef(c.oid) END,
       {MARK},
       ARRAY(SELECT i.inhparent FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid)::bigint[],
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
                a.attnum, a.attname,
                pg_catalog.format_type(a.atttypid, a.atttypmod)
                || coalesce((SELECT ' COLLATE ' || pg_catalog.quote_ident(l.collname)
                             FROM pg_catalog.pg_collation l
                             WHERE l.oid = a.attcollation
                               AND l.oid <> (SELECT t.typcollation FROM pg_catalog.pg_type t
                                             WHERE t.oid = a.atttypid)), ''),
                pg_catalog.concat_ws('/', a.atttypid, a.atttypmod, a.attcollation), a.attnotnull,
                pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated,
                pg_catalog.md5(d.adbin::text)))
        FROM pg_catalog.pg_attribute a
        LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind <> 'S')::text,
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
                o.oid, o.conname, o.contype, pg_catalog.pg_get_constraintdef(o.oid), o.convalidated,
                pg_catalog.concat_ws('/', o.condeferrable, o.condeferred,
                                     pg_catalog.to_jsonb(o) ->> 'conenforced'),
                o.conindid, coalesce(o.conkey[1], 0), o.confrelid))
        FROM pg_catalog.pg_constraint o
        WHERE o.conrelid = c.oid
          AND (SELECT p.conrelid FROM pg_catalog.pg_constraint p WHERE p.oid = o.conparentid)
              IS DISTINCT FROM o.conrelid)::text,
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
                i.indexrelid, (SELECT x.relname FROM pg_catalog.pg_class x WHERE x.oid = i.indexrelid),
                pg_catalog.pg_get_indexdef(i.indexrelid)))
        FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid)::text,
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
                g.oid, g.tgname, pg_catalog.pg_get_triggerdef(g.oid)))
        FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal)::text,
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
                p.oid, p.polname, coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), '')))
        FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid)::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE {_OURS}
"""  # noqa: S608 - of constants

RELATION = Prepared(name="af_db_trace_relation", sql=f"{_RELATIONS} AND c.oid = $1", types=("oid",))
_WORTH_A_PLAN = 5
"""From how many relations on one query is faster than the prepared one for each."""

_ENUMS = """
SELECT t.oid, pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname),
       pg_catalog.array_agg(e.oid::bigint ORDER BY e.enumsortorder),
       pg_catalog.array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
FROM pg_catalog.pg_enum e
JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
GROUP BY 1, 2
"""


def read_marks(cursor: Cursor) -> dict[int, str]:
    """Return the mark of every relation: about 20 microseconds for each."""
    cursor.execute(_MARKS)
    return dict(cursor.fetchall())


def read_relations(cursor: Cursor, version_table: str) -> dict[int, Relation]:
    """Return every relation that a trace reports, by oid.

    Left out are temporary ones, TOAST, composite types, the system's, and Alembic's version table. Indexes
    are in their tables.
    """
    cursor.execute(_RELATIONS)
    return _by_oid(cursor.fetchall(), version_table)


def read_some_relations(cursor: Cursor, version_table: str, oids: Collection[int]) -> dict[int, Relation]:
    """Return those of these relations that a trace reports."""
    if len(oids) > _WORTH_A_PLAN:
        cursor.execute(f"{_RELATIONS} AND c.oid = ANY (%s::oid[])", [list(oids)])
        return _by_oid(cursor.fetchall(), version_table)
    found: dict[int, Relation] = {}
    for oid in oids:
        cursor.execute(RELATION.execute, [oid])
        found |= _by_oid(cursor.fetchall(), version_table)
    return found


def read_enums(cursor: Cursor) -> dict[int, Enum]:
    """Return the enum types that have values, by oid."""
    cursor.execute(_ENUMS)
    return {
        oid: Enum(name=name, labels=dict(zip(oids, labels, strict=True)))
        for oid, name, oids, labels in cursor.fetchall()
    }


def read_enum_mark(cursor: Cursor) -> str:
    """Return one mark for the values of all enum types."""
    cursor.execute(f"SELECT {ENUM_MARK}")
    ((mark,),) = cursor.fetchall()
    return str(mark)


def _by_oid(rows: Iterable[tuple[Any, ...]], version_table: str) -> dict[int, Relation]:
    return {oid: _relation((oid, *rest)) for name, oid, *rest in rows if name != version_table}


def _relation(row: tuple[Any, ...]) -> Relation:
    (oid, kind, name, filenode, tablespace, has_row_security, owner, query, mark, parents, *parts) = row
    columns, constraints, indexes, triggers, policies = (sorted(json.loads(part or "[]")) for part in parts)
    of_constraints = {
        index
        for _oid, _name, type_, _text, _valid, _options, index, _column, _refers_to in constraints
        if type_ in "pux"
    }
    return Relation(
        oid=oid,
        kind=kind,
        name=name,
        filenode=filenode,
        tablespace=tablespace,
        has_row_security=has_row_security,
        owner=owner,
        query=query,
        mark=mark,
        parents=frozenset(parents),
        columns={number: _column(*facts) for number, *facts in columns},
        constraints={
            int(oid): Constraint(
                name=name,
                type=type_,
                definition=definition,
                is_valid=is_valid,
                options=options,
                index=int(index),
                column=column,
                refers_to=int(refers_to),
            )
            for oid, name, type_, definition, is_valid, options, index, column, refers_to in constraints
        },
        indexes={
            int(oid): Part(name=name, definition=definition)
            for oid, name, definition in indexes
            if oid not in of_constraints
        },
        triggers={int(oid): Part(name=name, definition=definition) for oid, name, definition in triggers},
        policies={int(oid): Part(name=name, definition=definition) for oid, name, definition in policies},
    )


def _column(
    name: str,
    type_: str,
    type_key: str,
    not_null: bool,
    expression: str | None,
    identity: str,
    generated: str,
    expression_key: str | None,
) -> Column:
    default = f"DEFAULT {expression}" if expression is not None else None
    if identity:
        default = f"GENERATED {'ALWAYS' if identity == 'a' else 'BY DEFAULT'} AS IDENTITY"
    elif generated:
        default = f"GENERATED ALWAYS AS ({expression}) {'STORED' if generated == 's' else 'VIRTUAL'}"
    return Column(
        name=name,
        type=type_,
        type_key=type_key,
        not_null=not_null,
        default=default,
        default_key=f"{identity}/{generated}/{expression_key}",
    )
