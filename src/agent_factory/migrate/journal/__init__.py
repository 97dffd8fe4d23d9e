"""What ran, who ran it, and what of it is applied: the schema ``af_db`` of the database that is migrated."""
