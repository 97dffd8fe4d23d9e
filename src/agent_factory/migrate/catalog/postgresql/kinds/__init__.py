"""A file for each kind of object, or for a few that one query finds: how it is read, made, dropped, changed.

Each module has ``KINDS``. To add a kind, add its file: the tests then ask for an object of it, for a change
that is found, and for its rows in docs/checks.md.
"""
