"""The plan run on a throwaway copy of the database, and watched."""
