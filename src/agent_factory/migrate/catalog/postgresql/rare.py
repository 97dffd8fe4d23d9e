# ruff: noqa: S608 - these queries are made of constants; what is looked for goes in as parameters
"""What few databases have: operators, collations, text search; and what belongs to no schema."""

from agent_factory.migrate.catalog.postgresql.parts import enabled
from agent_factory.migrate.catalog.postgresql.rows import (
    DUMPED,
    NAMES,
    PRINTED,
    SCHEMAS,
    Field,
    Query,
    grantee,
    not_of_extension,
    operator,
    options,
    qualified,
    relation,
    role,
    row,
    union,
)

_HARMLESS_SERVER_OPTIONS = ("host", "hostaddr", "port", "dbname", "fetch_size", "use_remote_estimate")
"""Of other options of a server only the names are told: some wrappers keep keys there."""


def of_schemas() -> Query:
    """Operators, operator classes, collations, text search configurations and dictionaries."""
    signature = (
        "s.name || '.' || p.oprname || ' (' || CASE p.oprleft WHEN 0 THEN 'NONE'"
        " ELSE format_type(p.oprleft, NULL) END || ', ' || format_type(p.oprright, NULL) || ')'"
    )
    operators = row(
        "operator",
        name=signature,
        parent=("'schema'", "s.name"),
        address=f"'OPERATOR ' || {signature}",
        fields=(
            Field("function", "'FUNCTION = ' || p.oprcode", NAMES),
            Field("commutator", f"'COMMUTATOR = ' || {operator('p.oprcom')}", NAMES),
            Field("negator", f"'NEGATOR = ' || {operator('p.oprnegate')}", NAMES),
            Field(
                "selectivity of a restriction",
                "CASE WHEN p.oprrest <> 0 THEN 'RESTRICT = ' || p.oprrest END",
                NAMES,
            ),
            Field("selectivity of a join", "CASE WHEN p.oprjoin <> 0 THEN 'JOIN = ' || p.oprjoin END", NAMES),
            Field("hashes", "CASE WHEN p.oprcanhash THEN 'HASHES' END", DUMPED),
            Field("merges", "CASE WHEN p.oprcanmerge THEN 'MERGES' END", DUMPED),
        ),
        source="schemas s JOIN pg_operator p ON p.oprnamespace = s.oid",
        where=f"p.oprcode <> 0 AND {not_of_extension('pg_operator', 'p.oid')}",
        owner="p.oprowner",
        comment_of=("pg_operator", "p.oid", "0"),
    )
    opclass = "s.name || '.' || quote_ident(p.opcname) || ' USING ' || quote_ident(m.amname)"
    operator_classes = row(
        "operator class",
        name=opclass,
        parent=("'schema'", "s.name"),
        address=f"'OPERATOR CLASS ' || {opclass}",
        fields=(
            Field("default", "CASE WHEN p.opcdefault THEN 'DEFAULT' END", DUMPED),
            Field("type", "'FOR TYPE ' || format_type(p.opcintype, NULL)", NAMES),
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
    collation = "s.name || '.' || quote_ident(p.collname)"
    # As JSON, since the locale of an ICU collation has been in a column of another name in each version.
    locale = "coalesce(to_jsonb(p) ->> 'colllocale', to_jsonb(p) ->> 'colliculocale', p.collcollate)"
    provider = "CASE p.collprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END"
    collations = row(
        "collation",
        name=collation,
        parent=("'schema'", "s.name"),
        address=f"'COLLATION ' || {collation}",
        fields=(
            Field(
                "locale",
                f"'(PROVIDER = ' || {provider}"
                " || CASE p.collprovider WHEN 'c' THEN ', LC_COLLATE = ' || quote_literal(p.collcollate)"
                " || ', LC_CTYPE = ' || quote_literal(p.collctype)"
                f" ELSE ', LOCALE = ' || quote_literal({locale}) END"
                " || CASE WHEN p.collisdeterministic THEN '' ELSE ', DETERMINISTIC = false' END"
                " || coalesce(', RULES = ' || quote_literal(to_jsonb(p) ->> 'collicurules'), '') || ')'",
                f"{DUMPED}; its version, which the operating system decides, is not read",
            ),
        ),
        source="schemas s JOIN pg_collation p ON p.collnamespace = s.oid",
        where=not_of_extension("pg_collation", "p.oid"),
        owner="p.collowner",
        comment_of=("pg_collation", "p.oid", "0"),
    )
    configuration = "s.name || '.' || quote_ident(p.cfgname)"
    configurations = row(
        "text search configuration",
        name=configuration,
        parent=("'schema'", "s.name"),
        address=f"'TEXT SEARCH CONFIGURATION ' || {configuration}",
        fields=(
            Field(
                "parser",
                f"'(PARSER = ' || (SELECT {qualified('prsnamespace', 'prsname')} FROM pg_ts_parser x"
                " WHERE x.oid = p.cfgparser) || ')'",
                NAMES,
            ),
            Field(
                "dictionaries",
                """(SELECT string_agg(w.told, ', ' ORDER BY w.told COLLATE "C") FROM (
                    SELECT k.alias || ' WITH '
                           || string_agg(w.mapdict::regdictionary::text, ', ' ORDER BY w.mapseqno) AS told
                    FROM pg_ts_config_map w JOIN ts_token_type(p.cfgparser) k ON k.tokid = w.maptokentype
                    WHERE w.mapcfg = p.oid GROUP BY k.alias) w)""",
                f"{NAMES}, by kind of token, in the order in which they are asked",
            ),
        ),
        source="schemas s JOIN pg_ts_config p ON p.cfgnamespace = s.oid",
        where=not_of_extension("pg_ts_config", "p.oid"),
        owner="p.cfgowner",
        comment_of=("pg_ts_config", "p.oid", "0"),
    )
    dictionary = "s.name || '.' || quote_ident(p.dictname)"
    dictionaries = row(
        "text search dictionary",
        name=dictionary,
        parent=("'schema'", "s.name"),
        address=f"'TEXT SEARCH DICTIONARY ' || {dictionary}",
        fields=(
            Field(
                "template",
                f"'(TEMPLATE = ' || (SELECT {qualified('tmplnamespace', 'tmplname')} FROM pg_ts_template x"
                " WHERE x.oid = p.dicttemplate) || coalesce(', ' || p.dictinitoption, '') || ')'",
                f"names, and options as they were given; {DUMPED}",
            ),
        ),
        source="schemas s JOIN pg_ts_dict p ON p.dictnamespace = s.oid",
        where=not_of_extension("pg_ts_dict", "p.oid"),
        owner="p.dictowner",
        comment_of=("pg_ts_dict", "p.oid", "0"),
    )
    return union(operators, operator_classes, collations, configurations, dictionaries).after(SCHEMAS)


def of_the_database(version: int) -> Query:
    """Extensions, default privileges; and, unless schemas were named, what is in no schema at all."""
    extensions = row(
        "extension",
        name="quote_ident(p.extname)",
        parent=("CASE WHEN n.nspname <> 'pg_catalog' THEN 'schema' END", "quote_ident(n.nspname)"),
        address="'EXTENSION ' || quote_ident(p.extname)",
        fields=(
            Field("schema", "'SCHEMA ' || quote_ident(n.nspname)", DUMPED),
            Field(
                "version",
                "'VERSION ' || quote_literal(p.extversion)",
                "it is not, on two machines: pg_dump leaves it out, and a server makes the one that it has",
                of_server=True,
            ),
        ),
        source="pg_extension p JOIN pg_namespace n ON n.oid = p.extnamespace",
        where="n.oid IN (SELECT oid FROM schemas) OR %(all)s AND n.nspname = 'pg_catalog'",
        comment_of=("pg_extension", "p.oid", "0"),
    )
    event_triggers = row(
        "event trigger",
        name="quote_ident(p.evtname)",
        address="'EVENT TRIGGER ' || quote_ident(p.evtname)",
        fields=(
            Field("event", "'ON ' || p.evtevent", DUMPED),
            Field(
                "commands",
                "'WHEN TAG IN (' || (SELECT string_agg(quote_literal(tag), ', ' ORDER BY tag COLLATE \"C\")"
                " FROM unnest(p.evttags) AS tag) || ')'",
                f"sorted; {DUMPED}",
            ),
            Field("function", "'EXECUTE FUNCTION ' || f.oid::regprocedure", NAMES),
            enabled("p.evtenabled"),
        ),
        source="pg_event_trigger p JOIN pg_proc f ON f.oid = p.evtfoid",
        where=f"""%(all)s AND f.pronamespace IN (SELECT oid FROM schemas)
          AND {not_of_extension("pg_event_trigger", "p.oid")}""",
        owner="p.evtowner",
        comment_of=("pg_event_trigger", "p.oid", "0"),
    )
    members = f"""CASE WHEN p.puballtables THEN 'FOR ALL TABLES' ELSE 'FOR TABLE ' || (
        SELECT string_agg({relation("m.prrelid")}, ', ' ORDER BY {relation("m.prrelid")} COLLATE "C")
        FROM pg_publication_rel m WHERE m.prpubid = p.oid) END"""
    if version >= 15_00_00:  # row filters, column lists and whole schemas
        member = f"""{relation("m.prrelid")}
            || coalesce(' (' || (
                SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname COLLATE "C")
                FROM pg_attribute a WHERE a.attrelid = m.prrelid AND a.attnum = ANY (m.prattrs)) || ')', '')
            || coalesce(' WHERE (' || pg_get_expr(m.prqual, m.prrelid) || ')', '')"""
        members = f"""CASE WHEN p.puballtables THEN 'FOR ALL TABLES' ELSE 'FOR ' || nullif(concat_ws(', ',
            'TABLE ' || (SELECT string_agg(told, ', ' ORDER BY told COLLATE "C") FROM (
                SELECT {member} AS told FROM pg_publication_rel m WHERE m.prpubid = p.oid) w),
            'TABLES IN SCHEMA ' || (
                SELECT string_agg(quote_ident(n.nspname), ', ' ORDER BY n.nspname COLLATE "C")
                FROM pg_publication_namespace m JOIN pg_namespace n ON n.oid = m.pnnspid
                WHERE m.pnpubid = p.oid)), '') END"""
    generated = """CASE to_jsonb(p) ->> 'pubgencols' WHEN 's' THEN ', publish_generated_columns = stored'
        ELSE '' END"""
    publications = row(
        "publication",
        name="quote_ident(p.pubname)",
        address="'PUBLICATION ' || quote_ident(p.pubname)",
        fields=(
            Field("tables", members, f"{NAMES}, sorted; row filters: {PRINTED}"),
            Field(
                "options",
                "'WITH (publish = ''' || concat_ws(', ', CASE WHEN p.pubinsert THEN 'insert' END,"
                " CASE WHEN p.pubupdate THEN 'update' END, CASE WHEN p.pubdelete THEN 'delete' END,"
                " CASE WHEN p.pubtruncate THEN 'truncate' END) || ''''"
                " || CASE WHEN p.pubviaroot THEN ', publish_via_partition_root = true' ELSE '' END"
                f" || {generated} || ')'",
                DUMPED,
            ),
        ),
        source="pg_publication p",
        where="""%(all)s AND NOT EXISTS (
            SELECT FROM unnest(%(platform_publications)s::text[]) AS w (beginning)
            WHERE starts_with(p.pubname, w.beginning))""",
        owner="p.pubowner",
        comment_of=("pg_publication", "p.oid", "0"),
    )
    cast = "'(' || format_type(p.castsource, NULL) || ' AS ' || format_type(p.casttarget, NULL) || ')'"
    casts = row(
        "cast",
        name=cast,
        address=f"'CAST ' || {cast}",
        fields=(
            Field(
                "method",
                "CASE p.castmethod WHEN 'f' THEN 'WITH FUNCTION ' || p.castfunc::regprocedure"
                " WHEN 'i' THEN 'WITH INOUT' ELSE 'WITHOUT FUNCTION' END",
                DUMPED,
            ),
            Field(
                "context",
                "CASE p.castcontext WHEN 'a' THEN 'AS ASSIGNMENT' WHEN 'i' THEN 'AS IMPLICIT' END",
                DUMPED,
            ),
        ),
        source="pg_cast p",
        # Objects that initdb made have oids below this (FirstNormalObjectId of PostgreSQL's transam.h).
        where="""%(all)s AND p.oid >= 16384
          AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_cast'::regclass
                          AND e.objid = p.oid AND e.deptype IN ('e', 'i'))""",
        comment_of=("pg_cast", "p.oid", "0"),
    )
    servers = row(
        "foreign server",
        name="quote_ident(p.srvname)",
        address="'SERVER ' || quote_ident(p.srvname)",
        fields=(
            Field("type", "'TYPE ' || quote_literal(p.srvtype)", DUMPED),
            Field(
                "version", "'VERSION ' || quote_literal(p.srvversion)", f"what CREATE SERVER said; {DUMPED}"
            ),
            Field("wrapper", "'FOREIGN DATA WRAPPER ' || quote_ident(w.fdwname)", NAMES),
            Field(
                "options",
                f"nullif(ltrim({options('p.srvoptions', values_of=_HARMLESS_SERVER_OPTIONS)}), '')",
                "sorted, of secrets the names alone; a copy is made without them, so that nothing connects",
            ),
        ),
        source="pg_foreign_server p JOIN pg_foreign_data_wrapper w ON w.oid = p.srvfdw",
        where=f"%(all)s AND {not_of_extension('pg_foreign_server', 'p.oid')}",
        owner="p.srvowner",
        acl=("p.srvacl", "S"),
        comment_of=("pg_foreign_server", "p.oid", "0"),
    )
    return union(extensions, event_triggers, publications, casts, servers, _default_privileges()).after(
        SCHEMAS
    )


def _default_privileges() -> Query:
    """What each list changes for one role. A list for all schemas begins as the built-in privileges."""
    kinds = "CASE x.kind WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'"
    kinds += " WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END"
    privilege = "privilege_type || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END"
    listed = f"SELECT grantee, {privilege} AS privilege FROM aclexplode(x.acl)"
    built_in = f"SELECT grantee, {privilege} FROM aclexplode(x.built_in)"
    source = f"""(
            SELECT p.defaclrole AS for_role, n.name AS schema, p.defaclobjtype AS kind, p.defaclacl AS acl,
                   CASE WHEN p.defaclnamespace = 0 THEN acldefault(
                       CASE p.defaclobjtype WHEN 'S' THEN 's' ELSE p.defaclobjtype END, p.defaclrole)
                   END AS built_in
            FROM pg_default_acl p LEFT JOIN schemas n ON n.oid = p.defaclnamespace
            WHERE (n.oid IS NOT NULL OR %(all)s AND p.defaclnamespace = 0)
              AND pg_get_userbyid(p.defaclrole) <> ALL (%(platform_roles)s::name[])
        ) x CROSS JOIN LATERAL (
            SELECT w.grantee, string_agg(w.privilege, ', ' ORDER BY w.privilege COLLATE "C")
                       FILTER (WHERE w.given) AS given,
                   string_agg(w.privilege, ', ' ORDER BY w.privilege COLLATE "C")
                       FILTER (WHERE NOT w.given) AS taken
            FROM (SELECT g.*, true AS given FROM ({listed} EXCEPT {built_in}) g
                  UNION ALL SELECT g.*, false FROM ({built_in} EXCEPT {listed}) g (grantee, privilege)) w
            GROUP BY w.grantee
        ) y"""
    return row(
        "default privileges",
        name=f"'FOR ROLE ' || {role('x.for_role')} || coalesce(' IN SCHEMA ' || x.schema, '')"
        f" || ' ON ' || {kinds} || ' TO ' || {grantee('y.grantee')}",
        parent=("CASE WHEN x.schema IS NOT NULL THEN 'schema' END", "x.schema"),
        address="NULL",
        fields=(
            Field(
                "given", "'GRANT ' || y.given", "sorted; left out of a comparison with another server's roles"
            ),
            Field(
                "taken",
                "'REVOKE ' || y.taken",
                "sorted; left out of a comparison with another server's roles",
            ),
        ),
        source=source,
    )
