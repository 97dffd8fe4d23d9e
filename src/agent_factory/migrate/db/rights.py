"""What a role may do with a table and see of it, as SQL expressions over ``c``, a row of ``pg_class``."""

_FOR_THIS_ROLE = """p.polrelid = c.oid AND p.polcmd IN ('r', '*')
          AND EXISTS (SELECT FROM unnest(p.polroles) AS r
                      WHERE CASE WHEN r = 0 THEN true ELSE pg_has_role(r, 'USAGE') END)"""

HIDES_ROWS = f"""(row_security_active(c.oid)
     AND NOT (EXISTS (SELECT FROM pg_policy p WHERE {_FOR_THIS_ROLE}
                      AND p.polpermissive AND pg_get_expr(p.polqual, c.oid) = 'true')
              AND NOT EXISTS (SELECT FROM pg_policy p WHERE {_FOR_THIS_ROLE}
                              AND NOT p.polpermissive AND pg_get_expr(p.polqual, c.oid) <> 'true')))"""  # noqa: S608 - constants
"""Whether row level security may hide rows of the table from this role: no policy shows it all of them."""

_MAY_USE = "has_schema_privilege(c.relnamespace, 'USAGE')"

MAY_READ = f"({_MAY_USE} AND has_table_privilege(c.oid, 'SELECT'))"

MAY_WRITE = f"""({MAY_READ} AND has_table_privilege(c.oid, 'INSERT')
     AND has_table_privilege(c.oid, 'UPDATE'))"""
