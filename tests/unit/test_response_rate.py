"""Response rates: edges, groups, refusals."""

from __future__ import annotations

import polars as pl
import pytest

from blinreg.analyses import response_rate
from blinreg.schemas.errors import InputError


def test_nobody_and_everybody() -> None:
    """Closed forms at the edges: 1 - (alpha/2)^(1/n) and its mirror."""
    rows = pl.DataFrame({"responded": [0] * 8 + [1] * 5, "arm": ["a"] * 8 + ["b"] * 5})
    table = response_rate(rows, "responded", by="arm").table
    assert table["rate"].to_list() == [0.0, 1.0]
    assert table["lower"].to_list() == [0.0, pytest.approx(0.025 ** (1 / 5), rel=1e-12)]
    assert table["upper"].to_list() == [pytest.approx(1 - 0.025 ** (1 / 8), rel=1e-12), 1.0]


def test_result_is_stamped() -> None:
    rows = pl.DataFrame({"responded": [True, False, None, True]})
    result = response_rate(rows, "responded", missing="complete_case", conf_level=0.8)
    assert (result.n_rows, result.n_events, result.n_missing) == (3, 2, 1)
    assert (result.interval_type, result.conf_level) == ("clopper-pearson", 0.8)
    assert result.table["group"].to_list() == ["all"]
    assert result.table.columns == ["group", "n", "n_responders", "rate", "lower", "upper"]


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([10, 2, 10, 2], ["2", "10"]),
        ([True, False, True, False], ["false", "true"]),
        (["b", "a", "b", "a"], ["a", "b"]),
        (pl.Series(["z", "a", "z", "a"], dtype=pl.Enum(["z", "a"])), ["z", "a"]),
    ],
)
def test_groups_have_a_stable_order(values: object, names: list[str]) -> None:
    rows = pl.DataFrame({"responded": [1, 0, 1, 1], "group": values})
    assert response_rate(rows, "responded", by="group").table["group"].to_list() == names


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "values are missing in 1 of 3 rows (responded 1)"),
        ({"missing": "drop"}, "missing='drop' is unknown; use 'refuse' or 'complete_case'"),
        ({"method": "wilson"}, "method='wilson' is unknown; use 'clopper-pearson'"),
        ({"conf_level": 95}, "conf_level must be a share strictly between 0 and 1, not 95"),
        ({"by": "arms"}, "no column is called arms; arms: did you mean arm?"),
        ({"by": "age", "missing": "complete_case"}, "column age has fractions and cannot form groups"),
    ],
)
def test_refusals(options: dict[str, object], message: str) -> None:
    rows = pl.DataFrame({"responded": [1, None, 0], "arm": ["a", "b", "a"], "age": [40.5, 41.0, 42.0]})
    with pytest.raises(InputError) as caught:
        response_rate(rows, "responded", **options)  # type: ignore[arg-type]
    assert str(caught.value).startswith(message)


def test_too_many_groups() -> None:
    rows = pl.DataFrame({"responded": [1, 0] * 60, "patient": range(120)})
    with pytest.raises(InputError, match="column patient has 120 different values, too many for groups"):
        response_rate(rows, "responded", by="patient")


def test_plot_has_a_line_for_each_group() -> None:
    rows = pl.DataFrame({"responded": [1, 0, 1, 1], "arm": ["first", "first", "second", "second"]})
    axes = response_rate(rows, "responded", by="arm").plot()
    texts = [label.get_text() for label in axes.get_yticklabels()] + [text.get_text() for text in axes.texts]
    assert any("second" in text for text in texts)
