"""What a role may do with a table and see of it, as SQL expressions."""

_FOR_THIS_ROLE = """p.polrelid = c.oid AND p.polcmd IN ('r', '*')
          AND EXISTS (SELECT FROM unnest(p.polroles) AS r
                      WHERE CASE WHEN r = 0 THEN true ELSE pg_has_role(r, 'USAGE') END)"""

HIDES_ROWS = f"""(row_security_active(c.oid)
     AND NOT (EXISTS (SELECT FROM pg_policy p WHERE {_FOR_THIS_ROLE}
                      AND p.polpermissive AND pg_get_expr(p.polqual, c.oid) = 'true')
              AND NOT EXISTS (SELECT FROM pg_policy p WHERE {_FOR_THIS_ROLE}
                              AND NOT p.polpermissive AND pg_get_expr(p.polqual, c.oid) <> 'true')))"""  # noqa: S608 - constants
"""Of ``c``, a row of ``pg_class``: whether row level security may hide rows of it from this role."""

MAY_READ_JOURNAL = """coalesce((SELECT bool_and(has_schema_privilege(n.oid, 'USAGE')
                                 AND has_table_privilege(c.oid, 'SELECT'))
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'af_db' AND c.relname IN ('journal', 'environment')), false)"""
"""An SQL expression: whether there is a journal that this role may read."""
