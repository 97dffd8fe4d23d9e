"""How the text of a revision file is compared."""

from agent_factory.migrate.revisions.normalise import normalised


def test_line_ends_and_blanks_at_the_end_do_not_count() -> None:
    assert normalised("a  \r\n\tb\t\r\n\r\n") == normalised("a\n\tb\n") == "a\n\tb\n"
    assert normalised("a\n b") != normalised("a\nb")
