import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_factory.plain_text import encodable, fitting, text_of, without_nul

ANYTHING = st.text(st.characters(codec=None, exclude_categories=()) | st.sampled_from("\0\ud800\udcff\u20ac"))


class SaysNothingError(Exception):
    def __str__(self) -> str:
        raise SystemExit("no")


class IsNoTextError(Exception):
    def __str__(self) -> str:
        return 1  # type: ignore[return-value]


@given(ANYTHING)
def test_whatever_the_text_is_it_can_be_encoded(text: str) -> None:
    encodable(text).encode()
    assert "\0" not in without_nul(text)
    assert text_of(ValueError(text)) == without_nul(text)


@given(
    ANYTHING,
    st.lists(st.sampled_from(["utf-8", "latin-1", "ascii", "cp1252", "euc_jp", "MULE_INTERNAL", ""])),
)
def test_whatever_the_text_is_it_fits_into_every_encoding(text: str, encodings: list[str]) -> None:
    fitted = fitting(text, encodings)

    for encoding in {*encodings} - {"MULE_INTERNAL", ""}:
        fitted.encode(encoding)
    assert "\0" not in fitted


def test_what_every_encoding_has_stays_as_it_is() -> None:
    assert fitting("Jos\u00e9 \u20ac", ["utf-8", "cp1252"]) == "Jos\u00e9 \u20ac"
    assert fitting("Jos\u00e9 \u20ac", ["utf-8", "latin-1"]) == "Jos\u00e9 \\u20ac"


@pytest.mark.parametrize("error", [SaysNothingError(), IsNoTextError()])
def test_an_exception_whose_text_cannot_be_read(error: Exception) -> None:
    assert text_of(error).startswith("(what it says cannot be read: ")
