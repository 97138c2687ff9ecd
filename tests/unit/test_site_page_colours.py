"""Can the colours of the site page and the steward's page be told apart, and read, by those who see fewer of them?

Colour blindness after Machado, Oliveira and Fernandes, IEEE Trans Vis Comput Graph 2009;15(6):1291-1298, at its
full severity; differences in CIE 1976 L*a*b*, where one unit is just seen and ten are seen at a glance.
"""

from __future__ import annotations

import re
from importlib import resources
from itertools import combinations, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

Colour = NDArray[np.float64]

SEEN_BY = {
    "everybody": np.eye(3),
    "protanopes": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopes": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopes": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
    "nobody who sees colours": np.full((3, 1), 1.0) @ np.array([[0.2126, 0.7152, 0.0722]]),
}

TEMPLATES = resources.files("blinreg.analyses.report") / "templates"
CSS = "".join((TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "site.css", "steward.css"))
NAMED = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6}|#[0-9a-f]{3})", CSS))
STEPS = dict(re.findall(r"\.step-(\d) \{ background: (#[0-9a-f]{6})", CSS))
#: Rows not accepted, to be checked, refused: each beside its word and sign.
CHIPS = [("amber", "amber-shade"), ("accent", "blue-shade"), ("bad", "bad-shade")]


def linear(text: str) -> Colour:
    digits = text[1:] if len(text) == 7 else "".join(2 * digit for digit in text[1:])
    value = np.array([int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(text: str, matrix: Colour) -> Colour:
    seen = np.clip(matrix @ linear(text), 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    x, y, z = np.where((t := xyz / [0.9505, 1.0, 1.089]) > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def difference(one: str, other: str, matrix: Colour) -> float:
    return float(np.linalg.norm(lab(one, matrix) - lab(other, matrix)))


def contrast(text: str, ground: str) -> float:
    """Contrast of the Web Content Accessibility Guidelines 2.2; 4.5 is enough to read."""
    bright, dark = sorted((float([0.2126, 0.7152, 0.0722] @ linear(each)) for each in (text, ground)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_the_measure_is_that_of_the_literature() -> None:
    assert difference("#000000", "#ffffff", SEEN_BY["everybody"]) == pytest.approx(100, abs=0.1)
    assert lab("#ff0000", SEEN_BY["everybody"]) == pytest.approx([53.24, 80.09, 67.20], abs=0.1)
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("who", SEEN_BY)
def test_the_site_and_the_others_are_told_apart(who: str) -> None:
    assert difference(NAMED["site"], NAMED["others"], SEEN_BY[who]) > 20


@pytest.mark.parametrize("who", SEEN_BY)
def test_the_steps_of_the_heat_maps_are_told_apart_and_get_darker(who: str) -> None:
    colours = [STEPS[name] for name in sorted(STEPS)]
    assert len(colours) == 5
    for light, dark in pairwise(colours):
        assert difference(light, dark, SEEN_BY[who]) > 5
        assert lab(light, SEEN_BY[who])[0] > lab(dark, SEEN_BY[who])[0] + 5


@pytest.mark.parametrize("who", [who for who in SEEN_BY if who != "nobody who sees colours"])
def test_what_follows_from_a_finding_is_told_apart(who: str) -> None:
    for (one, _), (other, _) in combinations(CHIPS, 2):
        assert difference(NAMED[one], NAMED[other], SEEN_BY[who]) > 10, (one, other)


def test_every_text_on_a_colour_can_be_read() -> None:
    pairs = [(NAMED[text], NAMED[ground]) for text, ground in CHIPS]
    pairs += [("#ffffff" if step == "4" else NAMED["ink"], colour) for step, colour in STEPS.items()]
    assert [pair for pair in pairs if contrast(*pair) < 4.5] == []
