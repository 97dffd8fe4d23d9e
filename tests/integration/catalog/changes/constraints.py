"""What somebody may do to constraints and indexes."""

from tests.integration.catalog.change import change

CONSTRAINTS = [
    change(
        "primary key dropped",
        "ALTER TABLE app.tickets DROP CONSTRAINT tickets_pkey",
        ("constraint", "app.tickets.tickets_pkey"),
        ("table", "app.tickets"),
    ),
    change(
        "primary key added",
        "ALTER TABLE app.marks ADD PRIMARY KEY (event_id)",
        ("constraint", "app.marks.marks_pkey"),
    ),
    change(
        "check dropped",
        "ALTER TABLE app.users DROP CONSTRAINT ck_users_new",
        ("constraint", "app.users.ck_users_new"),
    ),
    change(
        "check changed",
        "ALTER TABLE app.users DROP CONSTRAINT ck_users_new; "
        "ALTER TABLE app.users ADD CONSTRAINT ck_users_new CHECK (age < 300) NOT VALID",
        ("constraint", "app.users.ck_users_new"),
    ),
    change(
        "check added",
        "ALTER TABLE app.marks ADD CONSTRAINT positive CHECK (event_id > 0)",
        ("constraint", "app.marks.positive"),
    ),
    change(
        "check validated",
        "ALTER TABLE app.users VALIDATE CONSTRAINT ck_users_new",
        ("constraint", "app.users.ck_users_new"),
    ),
    change(
        "check of a parent table",
        "ALTER TABLE app.parents ADD CONSTRAINT ck_more CHECK (id > 0)",
        ("constraint", "app.parents.ck_more"),
    ),
    change(
        "unique dropped",
        "ALTER TABLE app.tenants DROP CONSTRAINT tenants_name_key",
        ("constraint", "app.tenants.tenants_name_key"),
    ),
    change(
        "unique made deferrable",
        "ALTER TABLE app.tenants DROP CONSTRAINT tenants_name_key; "
        "ALTER TABLE app.tenants ADD CONSTRAINT tenants_name_key UNIQUE (name) DEFERRABLE",
        ("constraint", "app.tenants.tenants_name_key"),
    ),
    change(
        "unique with nulls distinct",
        "ALTER TABLE app.users DROP CONSTRAINT users_tenant_id_name_key; "
        "ALTER TABLE app.users ADD CONSTRAINT users_tenant_id_name_key UNIQUE (tenant_id, name)",
        ("constraint", "app.users.users_tenant_id_name_key"),
    ),
    change(
        "unique with included columns",
        "ALTER TABLE app.tenants DROP CONSTRAINT tenants_name_key; "
        "ALTER TABLE app.tenants ADD CONSTRAINT tenants_name_key UNIQUE (name) INCLUDE (settings)",
        ("constraint", "app.tenants.tenants_name_key"),
    ),
    change(
        "unique index's parameters",
        "ALTER INDEX app.tenants_name_key SET (fillfactor = 50)",
        ("constraint", "app.tenants.tenants_name_key"),
        has_remedy=False,
    ),
    change(
        "exclusion constraint dropped",
        "ALTER TABLE app.users DROP CONSTRAINT ex_users_seen",
        ("constraint", "app.users.ex_users_seen"),
    ),
    change(
        "foreign key dropped",
        "ALTER TABLE app.users DROP CONSTRAINT fk_users_tenant",
        ("constraint", "app.users.fk_users_tenant"),
    ),
    change(
        "foreign key's rule",
        "ALTER TABLE app.users DROP CONSTRAINT fk_users_tenant; "
        "ALTER TABLE app.users ADD CONSTRAINT fk_users_tenant FOREIGN KEY (tenant_id) REFERENCES "
        "app.tenants",
        ("constraint", "app.users.fk_users_tenant"),
    ),
    change(
        "foreign key not valid",
        "ALTER TABLE app.users DROP CONSTRAINT fk_users_tenant; "
        "ALTER TABLE app.users ADD CONSTRAINT fk_users_tenant FOREIGN KEY (tenant_id) REFERENCES "
        "app.tenants ON DELETE CASCADE NOT VALID",
        ("constraint", "app.users.fk_users_tenant"),
    ),
    change(
        "foreign key deferrable",
        "ALTER TABLE app.users ALTER CONSTRAINT fk_users_tenant DEFERRABLE INITIALLY DEFERRED",
        ("constraint", "app.users.fk_users_tenant"),
    ),
    change(
        "foreign key not enforced",
        "ALTER TABLE app.tickets DISABLE TRIGGER ALL",
        ("constraint", "app.tickets.fk_tickets_user"),
        has_remedy=False,
    ),
    change(
        "foreign key of a partitioned table",
        "ALTER TABLE app.events DROP CONSTRAINT events_user_id_fkey",
        ("constraint", "app.events.events_user_id_fkey"),
    ),
    change(
        "constraint renamed",
        "ALTER TABLE app.users RENAME CONSTRAINT ck_users_new TO ck_users_old",
        ("constraint", "app.users.ck_users_new"),
        ("constraint", "app.users.ck_users_old"),
    ),
]
INDEXES = [
    change(
        "index dropped",
        "DROP INDEX app.ix_users_tenant",
        ("index", "app.ix_users_tenant"),
    ),
    change(
        "index added",
        "CREATE INDEX ON app.tickets (title)",
        ("index", "app.tickets_title_idx"),
    ),
    change(
        "index's predicate",
        "DROP INDEX app.ix_users_born; CREATE INDEX ix_users_born ON app.users (born) WHERE age > 4",
        ("index", "app.ix_users_born"),
    ),
    change(
        "index's method",
        "DROP INDEX app.ix_users_tenant; CREATE INDEX ix_users_tenant ON app.users (tenant_id)",
        ("index", "app.ix_users_tenant"),
    ),
    change(
        "index's included columns",
        "DROP INDEX app.ix_users_tenant; "
        "CREATE INDEX ix_users_tenant ON app.users (tenant_id) INCLUDE (name)",
        ("index", "app.ix_users_tenant"),
    ),
    change(
        "index made unique",
        "DROP INDEX app.ix_users_tenant; CREATE UNIQUE INDEX ix_users_tenant ON app.users (tenant_id)",
        ("index", "app.ix_users_tenant"),
    ),
    change(
        "index's order",
        "DROP INDEX app.ix_users_tenant; CREATE INDEX ix_users_tenant ON app.users (tenant_id DESC)",
        ("index", "app.ix_users_tenant"),
    ),
    change(
        "index's operator class",
        'DROP INDEX "Odd Schema"."odd Index"; '
        'CREATE INDEX "odd Index" ON "Odd Schema"."Odd ""Table""" ("select")',
        ("index", '"Odd Schema"."odd Index"'),
    ),
    change(
        "index's parameters",
        "ALTER INDEX app.ix_users_tenant SET (fillfactor = 50)",
        ("index", "app.ix_users_tenant"),
    ),
    change(
        "index invalid",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'app.ix_users_tenant'::regclass",
        ("index", "app.ix_users_tenant"),
    ),
    change(
        "index's statistics target",
        "ALTER INDEX app.ix_users_active ALTER COLUMN 1 SET STATISTICS 400",
        ("index", "app.ix_users_active"),
        has_remedy=False,
    ),
    change(
        "index of a partitioned table added",
        "CREATE INDEX ix_events_more ON app.events (payload)",
        ("index", "app.ix_events_more"),
    ),
    change(
        "index of a partitioned table dropped",
        "DROP INDEX app.ix_events_user",
        ("index", "app.ix_events_user"),
    ),
    change(
        "index of a partitioned table made again",
        "DROP INDEX app.ix_events_user; CREATE INDEX ix_events_user ON app.events (user_id DESC)",
        ("index", "app.ix_events_user"),
    ),
    change(
        "index of one partition",
        "CREATE INDEX ix_2025 ON app.events_2025 (payload)",
        ("index", "app.ix_2025"),
    ),
    change(
        "index of a materialized view",
        "DROP INDEX app.ix_summary",
        ("index", "app.ix_summary"),
    ),
]
CHANGES = [*CONSTRAINTS, *INDEXES]
