"""What stands in for an extension that a server of our own lacks.

Its name, so that a revision's ``CREATE EXTENSION IF NOT EXISTS`` and ``DROP EXTENSION`` do what they do in
production. And functions, where an extension is nothing but functions, which schemas call in defaults: each
has the original's arguments, result and volatility, so a statement takes the same locks and rewrites the same
tables. What they return is of the right type, and nothing more.
"""

import re

from agent_factory.migrate.db.sql import NAME
from agent_factory.migrate.rehearsal.scratch.entries import Entry

_FUNCTIONS = {
    "uuid-ossp": """
        uuid_nil() RETURNS uuid IMMUTABLE: '00000000-0000-0000-0000-000000000000'::uuid
        uuid_ns_dns() RETURNS uuid IMMUTABLE: '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid
        uuid_ns_url() RETURNS uuid IMMUTABLE: '6ba7b811-9dad-11d1-80b4-00c04fd430c8'::uuid
        uuid_ns_oid() RETURNS uuid IMMUTABLE: '6ba7b812-9dad-11d1-80b4-00c04fd430c8'::uuid
        uuid_ns_x500() RETURNS uuid IMMUTABLE: '6ba7b814-9dad-11d1-80b4-00c04fd430c8'::uuid
        uuid_generate_v1() RETURNS uuid VOLATILE: gen_random_uuid()
        uuid_generate_v1mc() RETURNS uuid VOLATILE: gen_random_uuid()
        uuid_generate_v3(namespace uuid, name text) RETURNS uuid IMMUTABLE: md5($1::text || $2)::uuid
        uuid_generate_v4() RETURNS uuid VOLATILE: gen_random_uuid()
        uuid_generate_v5(namespace uuid, name text) RETURNS uuid IMMUTABLE: md5($1::text || $2)::uuid
    """,
    "pgcrypto": """
        gen_random_uuid() RETURNS uuid VOLATILE: pg_catalog.gen_random_uuid()
        gen_random_bytes(int) RETURNS bytea VOLATILE: decode(repeat('ab', $1), 'hex')
        digest(text, text) RETURNS bytea IMMUTABLE: decode(md5($1 || $2), 'hex')
        digest(bytea, text) RETURNS bytea IMMUTABLE: decode(md5($1), 'hex')
        hmac(text, text, text) RETURNS bytea IMMUTABLE: decode(md5($1 || $2), 'hex')
        hmac(bytea, bytea, text) RETURNS bytea IMMUTABLE: decode(md5($1 || $2), 'hex')
        crypt(text, text) RETURNS text IMMUTABLE: md5($1 || $2)
        gen_salt(text) RETURNS text VOLATILE: md5(random()::text)
        gen_salt(text, int) RETURNS text VOLATILE: md5(random()::text)
        encrypt(bytea, bytea, text) RETURNS bytea IMMUTABLE: $1
        decrypt(bytea, bytea, text) RETURNS bytea IMMUTABLE: $1
        pgp_sym_encrypt(text, text) RETURNS bytea VOLATILE: decode(md5($1), 'hex')
        pgp_sym_encrypt(text, text, text) RETURNS bytea VOLATILE: decode(md5($1), 'hex')
        pgp_sym_decrypt(bytea, text) RETURNS text IMMUTABLE: md5($1)
        pgp_sym_decrypt(bytea, text, text) RETURNS text IMMUTABLE: md5($1)
    """,
}
"""As the extensions' own scripts declare them (contrib/uuid-ossp and contrib/pgcrypto of PostgreSQL)."""

_CREATE = re.compile(rf"CREATE EXTENSION (?:IF NOT EXISTS )?({NAME}) WITH SCHEMA ({NAME})")

_REGISTER = """
SET allow_system_table_mods = on;
INSERT INTO pg_catalog.pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
SELECT pg_catalog.pg_nextoid('pg_catalog.pg_extension', 'oid', 'pg_catalog.pg_extension_oid_index'),
       {name}, oid, {schema}::pg_catalog.regnamespace, false, {version}
FROM pg_catalog.pg_roles WHERE rolname = current_user;
RESET allow_system_table_mods;
"""


def has_functions(entry: Entry) -> bool:
    """Say whether there are functions that stand in for this extension's own."""
    return entry.name in _FUNCTIONS


def stand_in(entry: Entry, version: str) -> str:
    """Return what makes an extension of this name and functions that belong to it, run by a superuser."""
    create = _CREATE.search(entry.sql)
    if create is None:
        return ""
    name, schema = create[1], create[2]
    statements = [
        _REGISTER.format(name=_literal(entry.name), schema=_literal(schema), version=_literal(version))
    ]
    for line in _FUNCTIONS.get(entry.name, "").strip().splitlines():
        declared, _, body = line.strip().partition(": ")
        signature = declared.partition(" RETURNS ")[0]
        statements.append(f"CREATE FUNCTION {schema}.{declared} LANGUAGE sql AS $$SELECT {body}$$;\n")
        statements.append(f"ALTER EXTENSION {name} ADD FUNCTION {schema}.{signature};\n")
    return "".join(statements)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
