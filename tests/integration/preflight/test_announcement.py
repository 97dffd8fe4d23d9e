"""The text to post before a run."""

from tests.integration.preflight.conftest import Site


def test_it_names_who_waits_and_for_how_long(site: Site) -> None:
    site.write(
        "op.execute('ALTER TABLE users ADD nick text')\nop.execute('CREATE TABLE notes (a int)')\n"
        "op.execute('CREATE INDEX ix ON users (id)')",
        "op.execute('DROP TABLE notes')",
    )

    said = site.run("plan", "--format", "announcement").out

    assert said.splitlines()[0].endswith(": upgrade from 001 to 002")
    assert "  - 002 step 002" in said
    assert "  - reads and writes of public.users wait about" in said
    assert "notes" not in said, "nobody has used it yet"
    assert said.splitlines()[-1] == "Back, if it has to be: downgrade to 001"


def test_nothing_waits_and_nothing_is_pending(site: Site) -> None:
    site.write("op.execute('CREATE TABLE notes (a int)')", "op.execute('DROP TABLE notes')")
    assert "Nobody has to wait for it." in site.run("plan", "--format", "announcement").out

    assert site.run("upgrade", "--yes", "--no-rehearsal").code == 0

    assert site.run("plan", "--format", "announcement").out.startswith("No migration is pending on ")
