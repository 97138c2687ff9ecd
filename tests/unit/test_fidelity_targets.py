"""Are the published numbers kept whole and consistently?"""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest

from blinreg.analyses.fidelity import Definitions, Target, parse_definitions, parse_targets
from blinreg.schemas.errors import InputError, UsageError
from blinreg.synthetic.targets import PublishedTargets, load_proofs, load_targets

#: Rows of the abstraction of the paper, and numbers that it implies and does not print by themselves.
PRINTED, IMPLIED = 463, 6


@pytest.fixture(scope="module")
def published() -> PublishedTargets:
    return load_targets("realworld-2020")


@pytest.fixture(scope="module")
def targets(published: PublishedTargets) -> tuple[Target, ...]:
    return parse_targets(published.table)


@pytest.fixture(scope="module")
def definitions(published: PublishedTargets) -> Definitions:
    return parse_definitions(published.definitions, published.conflicts)


def test_every_printed_number_is_a_target_or_has_a_reason_why_not(published: PublishedTargets) -> None:
    ids = [*published.table["id"], *published.not_targets["id"]]
    assert len(set(ids)) == len(ids) == PRINTED + IMPLIED
    assert published.not_targets["reason"].str.len_chars().min() > 20  # type: ignore[operator]


def test_rows_stand_by_section(targets: tuple[Target, ...]) -> None:
    sections = list(dict.fromkeys(target.section for target in targets))
    assert [target.section for target in targets] == [s for s in sections for t in targets if t.section == s]


def test_half_a_unit_is_that_of_the_printed_digits(targets: tuple[Target, ...]) -> None:
    wrong = []
    for target in targets:
        digits = len(target.printed.partition(".")[2])
        allowed = {0.0} if target.number is None else {0.0, 0.5 * 10**-digits}
        # The median of whole numbers is whole or ends in .5, and would be printed so.
        allowed |= {0.05} if target.measure == "median" and digits == 0 else set()
        if not any(target.half_unit == pytest.approx(half) for half in allowed):
            wrong.append(target.id)
        if target.measure in {"share", "kaplan_meier", "cox"} and target.number is not None and not target.half_unit:
            wrong.append(target.id)
    assert wrong == []


def test_counts_have_their_denominator_and_are_exact(targets: tuple[Target, ...]) -> None:
    counts = [target for target in targets if target.measure == "count"]
    assert [t.id for t in counts if t.half_unit or t.printed_of is None] == []
    assert [t.id for t in counts if t.printed_count != t.number] == []
    assert [t.id for t in targets if t.measure == "share" and not 0 <= float(t.printed) <= 100] == []


def test_populations_models_and_conflicts_are_all_used(targets: tuple[Target, ...], definitions: Definitions) -> None:
    used = {target.population for target in targets} | {model.population for model in definitions.models.values()}
    assert used == set(definitions.populations)
    assert {target.of for target in targets if target.measure in {"cox", "logistic"}} == set(definitions.models)
    assert {target.conflict for target in targets} - {""} <= set(definitions.conflicts)
    in_models = {term for model in definitions.models.values() for term in (*model.terms, model.outcome)}
    tested = {target.statistic.split()[0] for target in targets if target.measure == "log_rank"}
    assert in_models | tested == {*definitions.terms, "allo_hct", ""}


def test_no_number_but_those_in_conflict_is_printed_twice_for_one_thing(targets: tuple[Target, ...]) -> None:
    printed: dict[tuple[str, ...], list[Target]] = {}
    for target in targets:
        if target.number is not None:
            printed.setdefault(target.quantity, []).append(target)
    apart = [
        target.id
        for same in printed.values()
        for target in same
        if any(
            abs(float(target.printed) - float(other.printed)) > target.half_unit + other.half_unit + 1e-9
            for other in same
        )
    ]
    of = {target.id: target for target in targets}
    groups = [{t.conflict for t in printed[of[name].quantity]} - {""} for name in apart]
    assert [name for name, group in zip(apart, groups, strict=True) if not group] == []
    assert {"female_table_n", "discont_text_n", "ph_rr_tki_disc_n"} <= set(apart)


def test_numbers_that_a_population_cannot_have_are_targets(
    targets: tuple[Target, ...], definitions: Definitions
) -> None:
    named = {name for group in definitions.impossible for name in group["targets"]}
    assert named <= {target.id for target in targets}


def test_proofs_speak_of_targets(targets: tuple[Target, ...]) -> None:
    names = Counter(name for target in targets for name in (target.id, target.label))
    assert [name for proof in load_proofs() for name in proof["targets"] if name not in names] == []


def test_unknown_study_is_refused() -> None:
    with pytest.raises(UsageError, match="realworld-2020"):
        load_targets("realworld-1999")


@pytest.mark.parametrize(
    "change",
    [
        pl.col("measure").replace("count", "guess"),
        pl.lit("n_total").alias("id"),
    ],
)
def test_a_faulty_table_is_refused(published: PublishedTargets, change: pl.Expr) -> None:
    with pytest.raises(InputError):
        parse_targets(published.table.with_columns(change))
    with pytest.raises(InputError):
        parse_targets(published.table.drop("source"))
