"""Numbers that stand under each other, and one table as text, HTML and Markdown."""

import math
from html.parser import HTMLParser

import numpy as np
import pytest

from hscore_fast import evaluate
from hscore_fast._results.tables import Displayed, Page, Table, aligned, measured, quantity

NAN = math.nan


def test_numbers_have_as_many_decimals_as_their_errors():
    shown = measured([12.823, 9.5201, 8.377, 0.87315, NAN], [0.05, 0.043, 0.047, 0.03, NAN])
    assert shown == [
        ("12.823", "0.050"),
        ("9.520", "0.043"),
        ("8.377", "0.047"),
        ("0.873", "0.030"),
        ("-", "-"),
    ]


def test_numbers_without_an_error_have_four_digits():
    assert measured([12.823, 0.5], [NAN, NAN]) == [("12.82", "-"), ("0.50", "-")]
    assert aligned([0.0, 0.0]) == ["0", "0"]
    assert aligned([1234567.0]) == ["1,234,567"]


def test_rounding_is_no_number():
    assert quantity(-9.09e-13, 0.0) == "0.000000"
    assert measured([-0.0004], [0.02]) == [("0.000", "0.020")]
    assert quantity(1.0, 1e-14) == "1.000000 ± 0.000000"


def test_large_errors_have_no_decimals():
    assert quantity(123456.7, 1234.5) == "123,457 ± 1,234"
    assert quantity(0.0996, 0.0995) == "0.10 ± 0.10"


class Shown(Displayed):
    def to_dict(self):
        return {}

    def _page(self):
        table = Table([["<a|b>", "1.5"], ["c", "22.0"]], ["name", "value"], "Title")
        return Page([table], ["a note"], ["first & foremost"])


class Tags(HTMLParser):
    """Counts that every tag is closed, and collects the text."""

    def __init__(self):
        super().__init__()
        self.open, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_text():
    assert str(Shown()).splitlines() == [
        "first & foremost",
        "name   value",
        "────────────",
        "<a|b>    1.5",
        "c       22.0",
        "a note",
    ]


def test_html():
    tags = Tags()
    tags.feed(Shown()._repr_html_())
    assert not tags.open
    assert tags.text[1:] == [
        *("first & foremost", "Title", "name", "value", "<a|b>", "1.5", "c", "22.0", "a note")
    ]


def test_markdown():
    assert Shown().to_markdown() == (
        "first & foremost\n\n**Title**\n\n| name | value |\n| --- | --: |\n"
        "| \\<a\\|b> | 1.5 |\n| c | 22.0 |\n\na note\n"
    )


def test_ipython_shows_the_table():
    pretty = pytest.importorskip("IPython.lib.pretty").pretty
    assert pretty(Shown()) == str(Shown())


def test_a_report_says_nothing_that_is_not_known():
    rng = np.random.default_rng(0)
    with pytest.warns(UserWarning, match="rank 9"):
        report = evaluate(rng.standard_normal((10, 20)), [0, 1] * 5)
    text = str(report)
    assert "- to -" not in text
    assert "F(-" not in text
    assert "10^-0" not in text
    assert "interval" not in text
    assert "none: the rank is the number of samples less one" in text
