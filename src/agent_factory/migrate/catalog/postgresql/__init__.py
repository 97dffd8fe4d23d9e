"""PostgreSQL's catalogs, version 14 and later: queries of one shape, read in one snapshot.

Not read: where things are kept (tablespaces), what a whole server has (roles, databases and their settings),
user mappings and subscriptions, which hold passwords, and what almost nobody makes: procedural languages,
foreign data wrappers, access methods, transforms, conversions, text search parsers, later members of operator
families.
"""
