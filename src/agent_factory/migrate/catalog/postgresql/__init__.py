"""PostgreSQL's catalogs, version 14 and later: kinds of object, found by queries of one shape."""
