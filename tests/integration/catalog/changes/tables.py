"""What somebody may do to tables, columns, sequences."""

from tests.integration.catalog.change import change

TABLES = [
    change(
        "table added",
        "CREATE TABLE app.extra (id serial PRIMARY KEY, note text UNIQUE)",
        ("table", "app.extra"),
        has_remedy=False,
    ),
    change(
        "table dropped",
        "DROP TABLE app.marks",
        ("table", "app.marks"),
        has_remedy=False,
    ),
    change(
        "table renamed",
        "ALTER TABLE app.tickets RENAME TO issues",
        ("table", "app.issues"),
        ("table", "app.tickets"),
        has_remedy=False,
    ),
    change(
        "table moved to another schema",
        "ALTER TABLE app.scratch SET SCHEMA public",
        ("table", "app.scratch"),
        ("table", "public.scratch"),
        has_remedy=False,
    ),
    change(
        "table unlogged",
        "ALTER TABLE app.parents SET UNLOGGED",
        ("table", "app.parents"),
    ),
    change(
        "table logged",
        "ALTER TABLE app.scratch SET LOGGED",
        ("table", "app.scratch"),
    ),
    change(
        "row level security off",
        "ALTER TABLE app.users DISABLE ROW LEVEL SECURITY",
        ("table", "app.users"),
    ),
    change(
        "row level security on",
        "ALTER TABLE app.tenants ENABLE ROW LEVEL SECURITY",
        ("table", "app.tenants"),
    ),
    change(
        "row level security forced",
        "ALTER TABLE app.users FORCE ROW LEVEL SECURITY",
        ("table", "app.users"),
    ),
    change(
        "storage parameter",
        "ALTER TABLE app.users SET (fillfactor = 80)",
        ("table", "app.users"),
    ),
    change(
        "storage parameters gone",
        "ALTER TABLE app.users RESET (fillfactor, toast.autovacuum_enabled)",
        ("table", "app.users"),
    ),
    change(
        "replica identity",
        "ALTER TABLE app.users REPLICA IDENTITY DEFAULT",
        ("table", "app.users"),
    ),
    change(
        "replica identity by index",
        "ALTER TABLE app.tenants REPLICA IDENTITY USING INDEX tenants_pkey",
        ("table", "app.tenants"),
    ),
    change(
        "not clustered",
        "ALTER TABLE app.tickets SET WITHOUT CLUSTER",
        ("table", "app.tickets"),
    ),
    change(
        "inherits no more",
        "ALTER TABLE app.children NO INHERIT app.parents",
        ("table", "app.children"),
        has_remedy=False,
    ),
    change(
        "partition detached",
        "ALTER TABLE app.events DETACH PARTITION app.events_2025",
        ("table", "app.events_2025"),
    ),
    change(
        "partition added",
        "CREATE TABLE app.events_2026 PARTITION OF app.events FOR VALUES FROM ('2026-01-01') TO "
        "('2027-01-01')",
        ("table", "app.events_2026"),
        has_remedy=False,
    ),
    change(
        "partition dropped",
        "DROP TABLE app.pieces_1",
        ("table", "app.pieces_1"),
        has_remedy=False,
    ),
    change(
        "partition attached",
        "ALTER TABLE app.pieces ATTACH PARTITION app.pieces_2 FOR VALUES IN (2)",
        ("table", "app.pieces_2"),
        has_remedy=False,
    ),
    change(
        "foreign table's server options",
        "ALTER FOREIGN TABLE app.remote OPTIONS (SET table_name 'y')",
        ("foreign table", "app.remote"),
        has_remedy=False,
    ),
]
COLUMNS = [
    change(
        "column added",
        "ALTER TABLE app.users ADD COLUMN nick text DEFAULT 'x' NOT NULL",
        ("column", "app.users.nick"),
        has_remedy=False,
    ),
    change(
        "column dropped",
        "ALTER TABLE app.users DROP COLUMN changed_at",
        ("column", "app.users.changed_at"),
    ),
    change(
        "serial column added",
        "ALTER TABLE app.users ADD COLUMN number serial",
        ("column", "app.users.number"),
        has_remedy=False,
    ),
    change(
        "column renamed",
        "ALTER TABLE app.tickets RENAME COLUMN title TO heading",
        ("column", "app.tickets.heading"),
        ("column", "app.tickets.title"),
        has_remedy=False,
    ),
    change(
        "type widened",
        "ALTER TABLE app.tickets ALTER COLUMN priority TYPE bigint",
        ("column", "app.tickets.priority"),
    ),
    change(
        "type of another kind",
        "ALTER TABLE app.scratch ALTER COLUMN note TYPE jsonb USING note::jsonb",
        ("column", "app.scratch.note"),
        has_remedy=False,
    ),
    change(
        "varchar shortened",
        "ALTER TABLE app.tickets ALTER COLUMN label TYPE varchar(20)",
        ("column", "app.tickets.label"),
    ),
    change(
        "varchar lengthened",
        "ALTER TABLE app.tickets ALTER COLUMN label TYPE text",
        ("column", "app.tickets.label"),
        has_remedy=False,
    ),
    change(
        "not null dropped",
        "ALTER TABLE app.tickets ALTER COLUMN title DROP NOT NULL",
        ("column", "app.tickets.title"),
    ),
    change(
        "not null set",
        "ALTER TABLE app.tickets ALTER COLUMN user_id SET NOT NULL",
        ("column", "app.tickets.user_id"),
    ),
    change(
        "default changed",
        "ALTER TABLE app.users ALTER COLUMN born SET DEFAULT '2001-01-01'",
        ("column", "app.users.born"),
    ),
    change(
        "default dropped",
        "ALTER TABLE app.users ALTER COLUMN mood DROP DEFAULT",
        ("column", "app.users.mood"),
    ),
    change(
        "default added",
        "ALTER TABLE app.tickets ALTER COLUMN title SET DEFAULT 'new'",
        ("column", "app.tickets.title"),
    ),
    change(
        "collation",
        'ALTER TABLE app.tickets ALTER COLUMN title TYPE text COLLATE "C"',
        ("column", "app.tickets.title"),
    ),
    change(
        "collation gone",
        "ALTER TABLE app.users DROP COLUMN full_name; "
        'ALTER TABLE app.users ADD COLUMN full_name text COLLATE "C" GENERATED ALWAYS AS (upper(name)) '
        "STORED",
        ("column", "app.users.full_name"),
    ),
    change(
        "identity by default",
        "ALTER TABLE app.users ALTER COLUMN id SET GENERATED BY DEFAULT",
        ("column", "app.users.id"),
    ),
    change(
        "identity dropped",
        "ALTER TABLE app.users ALTER COLUMN id DROP IDENTITY",
        ("column", "app.users.id"),
        has_remedy=False,
    ),
    change(
        "identity added",
        "ALTER TABLE app.marks ALTER COLUMN event_id ADD GENERATED ALWAYS AS IDENTITY",
        ("column", "app.marks.event_id"),
    ),
    change(
        "identity instead of serial",
        "ALTER TABLE app.tickets ALTER COLUMN id DROP DEFAULT; "
        "DROP SEQUENCE app.tickets_id_seq; "
        "ALTER TABLE app.tickets ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY",
        ("column", "app.tickets.id"),
        has_remedy=False,
    ),
    change(
        "expression dropped",
        "ALTER TABLE app.users ALTER COLUMN full_name DROP EXPRESSION",
        ("column", "app.users.full_name"),
        has_remedy=False,
    ),
    change(
        "storage of a column",
        "ALTER TABLE app.users ALTER COLUMN name SET STORAGE PLAIN",
        ("column", "app.users.name"),
    ),
    change(
        "compression of a column",
        "ALTER TABLE app.tickets ALTER COLUMN title SET COMPRESSION pglz",
        ("column", "app.tickets.title"),
    ),
    change(
        "statistics target of a column",
        "ALTER TABLE app.users ALTER COLUMN age SET STATISTICS -1",
        ("column", "app.users.age"),
    ),
    change(
        "attribute options of a column",
        "ALTER TABLE app.users ALTER COLUMN name RESET (n_distinct)",
        ("column", "app.users.name"),
    ),
    change(
        "column of a partitioned table",
        "ALTER TABLE app.events ALTER COLUMN payload SET DEFAULT '[]'",
        ("column", "app.events.payload"),
    ),
    change(
        "column added to a partitioned table",
        "ALTER TABLE app.events ADD COLUMN more text",
        ("column", "app.events.more"),
        has_remedy=False,
    ),
    change(
        "column of one partition",
        "ALTER TABLE app.events_2025 ALTER COLUMN payload DROP DEFAULT",
        ("column", "app.events_2025.payload"),
        has_remedy=False,
    ),
    change(
        "column of a child table",
        "ALTER TABLE app.children ALTER COLUMN note SET DEFAULT 'x'",
        ("column", "app.children.note"),
        has_remedy=False,
    ),
    change(
        "column of odd names",
        'ALTER TABLE "Odd Schema"."Odd ""Table""" ALTER COLUMN "select" SET DEFAULT \'%\'',
        ("column", '"Odd Schema"."Odd ""Table"""."select"'),
    ),
]
SEQUENCES = [
    change(
        "stray sequence",
        "CREATE SEQUENCE app.stray",
        ("sequence", "app.stray"),
        has_remedy=False,
    ),
    change(
        "sequence dropped",
        "DROP SEQUENCE app.numbers",
        ("sequence", "app.numbers"),
    ),
    change(
        "sequence's parameters",
        "ALTER SEQUENCE app.numbers INCREMENT BY 1 NO CYCLE",
        ("sequence", "app.numbers"),
    ),
    change(
        "sequence of an identity",
        "ALTER TABLE app.users ALTER COLUMN id SET INCREMENT BY 2 SET CACHE 1",
        ("sequence", "app.users_id_seq"),
    ),
    change(
        "sequence owned by nobody",
        "ALTER SEQUENCE app.tickets_id_seq OWNED BY NONE",
        ("owner", "SEQUENCE app.tickets_id_seq"),
        ("sequence", "app.tickets_id_seq"),
        has_remedy=False,
    ),
]
CHANGES = [*TABLES, *COLUMNS, *SEQUENCES]
