"""What somebody may do to operator classes."""

from tests.integration.catalog.change import change

SAMPLE = """
CREATE FUNCTION app.compare_lengths(text, text) RETURNS integer LANGUAGE sql IMMUTABLE
    AS 'SELECT length($1) - length($2)';
CREATE OPERATOR CLASS app.by_length FOR TYPE text USING btree AS
    OPERATOR 1 <, OPERATOR 3 =, OPERATOR 5 >, FUNCTION 1 app.compare_lengths(text, text);
COMMENT ON OPERATOR CLASS app.by_length USING btree IS 'short ones first';
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
]
