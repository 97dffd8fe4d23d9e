"""One module per thing that ``af-db`` does. A workflow returns a result or raises; it never prints."""
