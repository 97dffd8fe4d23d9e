"""What a role may do, as SQL expressions."""

MAY_READ_JOURNAL = """coalesce((SELECT bool_and(has_schema_privilege(n.oid, 'USAGE')
                                 AND has_table_privilege(c.oid, 'SELECT'))
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'af_db' AND c.relname IN ('journal', 'environment')), false)"""
"""An SQL expression: whether there is a journal that this role may read."""
