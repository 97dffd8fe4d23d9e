"""Safe rewrites as the code of a revision file."""

from agent_factory.migrate.review.hazards.safe_forms.rewrite import (
    MigrationStep,
    SafeRewrite,
    in_schema_of,
    short_name,
    together,
)


def test_revisions_are_written_as_code() -> None:
    rewrite = SafeRewrite(
        intro="build it",
        revisions=(
            (
                MigrationStep(sql="ALTER TABLE t ADD x int"),
                MigrationStep(sql="COMMENT ON COLUMN t.\"X\" IS 'it''s'"),
            ),
            (MigrationStep(sql="CREATE INDEX CONCURRENTLY i ON t (x)", autocommit=True),),
            (MigrationStep(sql="UPDATE t SET x = 1 WHERE x IS NULL", in_batches=True),),
        ),
    )
    assert rewrite.text == (
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
    text = SafeRewrite(intro="x", revisions=((MigrationStep(sql="SELECT ' :now', '12:30', a::text"),),)).text
    assert r"' \\:now', '12:30', a::text" in text


def test_advice_without_statements_is_one_line() -> None:
    assert SafeRewrite(intro="use pg_repack").text == "use pg_repack"
    assert together(SafeRewrite(intro="a"), SafeRewrite(intro="b"), SafeRewrite(intro="a")) == "a\nb"


def test_names_are_not_longer_than_postgresql_takes() -> None:
    assert len(short_name("t" * 50, "c" * 50, "not_null")) <= 63
    assert in_schema_of('public."T"', "T", "kept") == 'public."T_kept"'
    assert in_schema_of("t", "t", "kept") == "t_kept"
