"""Safe forms as a revision file has them."""

from agent_factory.migrate.review.hazards.recipe import Recipe, Work, beside, short_name, together


def test_revisions_are_written_as_code() -> None:
    recipe = Recipe(
        intro="build it",
        revisions=(
            (Work(sql="ALTER TABLE t ADD x int"), Work(sql="COMMENT ON COLUMN t.\"X\" IS 'it''s'")),
            (Work(sql="CREATE INDEX CONCURRENTLY i ON t (x)", alone=True),),
            (Work(sql="UPDATE t SET x = 1 WHERE x IS NULL", repeated=True),),
        ),
    )
    assert recipe.text == (
        "build it:\n"
        "  revision 1\n"
        '    op.execute("ALTER TABLE t ADD x int")\n'
        "    op.execute('COMMENT ON COLUMN t.\"X\" IS \\'it\\'\\'s\\'')\n"
        "  revision 2\n"
        "    with op.get_context().autocommit_block():\n"
        '        op.execute("CREATE INDEX CONCURRENTLY i ON t (x)")\n'
        "  revision 3\n"
        "    with op.get_context().autocommit_block():\n"
        '        while op.get_bind().execute(sa.text("UPDATE t SET x = 1 WHERE x IS NULL")).rowcount:\n'
        "            pass"
    )


def test_a_colon_is_no_parameter() -> None:
    """SQLAlchemy would ask for a value of ``:30``, but not of a cast."""
    text = Recipe(intro="x", revisions=((Work(sql="SELECT ' :now', '12:30', a::text"),),)).text
    assert r"' \\:now', '12:30', a::text" in text


def test_advice_without_statements_is_one_line() -> None:
    assert Recipe(intro="use pg_repack").text == "use pg_repack"
    assert together(Recipe(intro="a"), None, Recipe(intro="b"), Recipe(intro="a")) == "a\nb"


def test_names_are_not_longer_than_postgresql_takes() -> None:
    assert len(short_name("t" * 50, "c" * 50, "not_null")) <= 63
    assert beside('public."T"', "T", "kept") == 'public."T_kept"'
    assert beside("t", "t", "kept") == "t_kept"
