"""A package that ships its migrations; whoever installs it has the database."""
