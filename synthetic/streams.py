"""Random numbers for many patients at once: a stream a patient and purpose, and the shapes values are drawn from.

A number depends on the cohort's seed, the purpose (``Stream``), the patient's number and how many were drawn
before for that purpose; on nothing else. Patient 17 of a seed is therefore the same patient whatever the number
of patients, the size of the chunks and the number of threads, and a change in, say, the adverse events leaves the
disease untouched. The generator is SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), started for each patient and
purpose from a hash of the four; all of it is integer arithmetic, so that the numbers are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = 0xFFFFFFFFFFFFFFFF
_TO_UNIT = 2.0**-53


class Stream(IntEnum):
    """What a stream of random numbers is for. Never renumber: the numbers are part of a seed's meaning."""

    PLAN = 0
    BASELINE = 1
    HISTORY = 2
    TREATMENT = 3
    DISEASE = 4
    FOLLOW_UP = 5
    SAFETY = 6
    TRANSPLANT = 7
    ASSESSMENT = 8
    MISSING = 9
    LATER_TREATMENT = 10
    RESPONSE = 11
    CALENDAR = 12
    DETAIL_PATIENT = 20
    DETAIL_HISTORY = 21
    DETAIL_CYCLES = 22
    DETAIL_SAFETY = 23
    DETAIL_ASSESSMENT = 24
    DETAIL_TRANSPLANT = 25
    DETAIL_EXPOSURE = 26
    FAULTS = 40


@dataclass(frozen=True, slots=True)
class Weights:
    """Codes and how often each is drawn; the weights are scaled to a sum of 1."""

    names: tuple[str, ...]
    weights: tuple[float, ...]

    @classmethod
    def of(cls, shares: Mapping[str, float]) -> Weights:
        """Build from a mapping of code to weight."""
        return cls(tuple(shares), tuple(float(share) for share in shares.values()))


@dataclass(frozen=True, slots=True)
class Curve:
    """A quantile function, given by points and linear between them."""

    points: tuple[tuple[float, float], ...]

    def at(self, probability: Floats | float) -> Floats:
        """Value below which this share of the population lies.

        Examples
        --------
        >>> float(Curve(((0.0, 18.0), (0.5, 48.0), (1.0, 85.0))).at(0.25))
        33.0
        """
        shares, values = zip(*self.points, strict=True)
        return np.asarray(np.interp(probability, shares, values), dtype=np.float64)


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Finish a step of SplitMix64, in place."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        state ^= state >> np.uint64(shift)
        state *= np.uint64(factor)
    state ^= state >> np.uint64(31)
    return state


def _mix_one(value: int) -> int:
    return int(_mix(np.array([value & _MASK], dtype=np.uint64))[0])


class Draws:
    """Random draws of one stream, for many patients or rows at once.

    Each method draws once for every patient and returns an array of the same length; the next call draws anew.

    Parameters
    ----------
    entropy : tuple of int
        What the streams of a cohort start from: the study's salt and the seed, not negative.
    stream : Stream
        Purpose of the stream.
    numbers : array of int
        Numbers of the patients, from 0.

    Examples
    --------
    >>> both = Draws((0, 2020), Stream.DISEASE, np.array([5, 6])).uniform()
    >>> alone = Draws((0, 2020), Stream.DISEASE, np.array([6])).uniform()
    >>> bool(both[1] == alone[0]), bool(both[0] == both[1])
    (True, False)
    """

    __slots__ = ("_keys", "_step")

    def __init__(self, entropy: tuple[int, int], stream: Stream, numbers: Numbers) -> None:
        start = _GOLDEN
        for part in (*entropy, int(stream)):
            start = _mix_one(start + part * _GOLDEN + 1)
        keys = numbers.astype(np.uint64) * np.uint64(_GOLDEN)
        self._start(_mix(keys + np.uint64(start)))

    def _start(self, keys: NDArray[np.uint64]) -> None:
        self._keys = keys
        self._step = 0

    def of_rows(self, patient: Numbers, row: Numbers) -> Draws:
        """Open a stream for each row of a long table.

        Parameters
        ----------
        patient : array of int
            Position of the row's patient among the patients of this stream.
        row : array of int
            Number of the row within the patient, from 0 and below 2**31; rows of different kinds need
            different numbers.

        Returns
        -------
        Draws
            Draws of the length of the rows.
        """
        made = Draws.__new__(Draws)
        offset = _mix(row.astype(np.uint64) + np.uint64(0x5851F42D4C957F2D))
        made._start(_mix(self._keys[patient] ^ offset))
        return made

    def uniform(self) -> Floats:
        """Draw from [0, 1)."""
        self._step += 1
        state = _mix(self._keys + np.uint64(self._step * _GOLDEN & _MASK))
        return np.asarray((state >> np.uint64(11)) * _TO_UNIT, dtype=np.float64)

    def chance(self, probability: Floats | float) -> Flags:
        """Draw true with this probability."""
        return np.asarray(self.uniform() < probability)

    def whole(self, first: Numbers | int, last: Numbers | int) -> Numbers:
        """Draw a whole number from ``first`` to ``last``, both included; ``first`` where the range is empty."""
        span = np.maximum(np.subtract(last, first) + 1, 1)
        return np.asarray(first + (self.uniform() * span).astype(np.int64), dtype=np.int64)

    def choice(self, weights: Weights) -> NDArray[np.int64]:
        """Draw codes; returns their positions in ``weights.names``."""
        sums = np.cumsum(weights.weights)
        drawn = np.searchsorted(sums / sums[-1], self.uniform(), side="right")
        return np.minimum(drawn, len(sums) - 1).astype(np.int64)

    def value(self, curve: Curve) -> Floats:
        """Draw from a quantile function."""
        return curve.at(self.uniform())

    def waiting(self) -> Floats:
        """Draw a standard exponential waiting time."""
        return np.asarray(-np.log1p(-self.uniform()), dtype=np.float64)
