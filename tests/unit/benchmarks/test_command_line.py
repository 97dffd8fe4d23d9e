import pytest

from benchmarks.__main__ import BENCHMARKS, main


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_benchmark_has_a_short_mode_and_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert BENCHMARKS[name].SHORT["rounds"] == 1
    with pytest.raises(SystemExit, match="0"):
        main([name, "--short", "--help"])

    shown = capsys.readouterr().out
    for option, value in BENCHMARKS[name].SHORT.items():
        assert f"--{option}" in shown
        assert f"(default: {value})" in " ".join(shown.split())


def test_an_option_of_one_benchmark_is_refused_for_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--tables", "5"])

    assert "unrecognized arguments: --tables" in capsys.readouterr().err
