"""What somebody may do to operator classes."""

from tests.integration.catalog.change import change

SAMPLE = """
CREATE FUNCTION app.compare_lengths(text, text) RETURNS integer LANGUAGE sql IMMUTABLE
    AS 'SELECT length($1) - length($2)';
CREATE OPERATOR CLASS app.by_length FOR TYPE text USING btree AS
    OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 app.compare_lengths(text, text);
COMMENT ON OPERATOR CLASS app.by_length USING btree IS 'short ones first';
CREATE OPERATOR FAMILY app.lengths USING btree;
CREATE FUNCTION app.compare_with_length(text, integer) RETURNS integer LANGUAGE sql IMMUTABLE
    AS 'SELECT length($1) - $2';
ALTER OPERATOR FAMILY app.by_length USING btree
    ADD FUNCTION 1 (text, integer) app.compare_with_length(text, integer);
CREATE TYPE app.not_yet;
"""

CHANGES = [
    change(
        "operator class added",
        "CREATE OPERATOR CLASS app.equal_length FOR TYPE text USING hash AS OPERATOR 1 =",
        ("operator class", "app.equal_length USING hash"),
    ),
    change(
        "operator class dropped",
        "DROP OPERATOR CLASS app.by_length USING btree",
        ("operator class", "app.by_length USING btree"),
        has_remedy=False,
    ),
    change(
        "operator class added to a family",
        "CREATE OPERATOR CLASS app.also FOR TYPE varchar USING btree FAMILY app.lengths"
        " AS OPERATOR 1 <(text, text)",
        ("operator class", "app.also USING btree"),
        ("operator family", "app.lengths USING btree"),
        has_remedy=False,
    ),
    change(
        "operator family added",
        "CREATE OPERATOR FAMILY app.more USING hash",
        ("operator family", "app.more USING hash"),
    ),
    change(
        "operator family dropped",
        "DROP OPERATOR FAMILY app.lengths USING btree",
        ("operator family", "app.lengths USING btree"),
    ),
    change(
        "function of an operator family dropped",
        "ALTER OPERATOR FAMILY app.by_length USING btree DROP FUNCTION 1 (text, integer)",
        ("operator class", "app.by_length USING btree"),
        ("operator family", "app.by_length USING btree"),
        has_remedy=False,
    ),
    change("shell type added", "CREATE TYPE app.later", ("type", "app.later")),
    change("shell type dropped", "DROP TYPE app.not_yet", ("type", "app.not_yet")),
]
