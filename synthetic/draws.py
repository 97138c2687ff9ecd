"""Random numbers: one stream a patient and purpose, and the shapes values are drawn from.

A patient's numbers come from streams of their own, so that patient 17 of a seed is the same
patient whatever the number of patients and the order in which they are made, and a change in,
say, the adverse events leaves the disease untouched. Only uniform numbers are taken from numpy;
the shapes are computed here, which keeps the bytes of a seed independent of numpy's methods.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np


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

    def at(self, probability: float) -> float:
        """Value below which this share of the population lies.

        Examples
        --------
        >>> Curve(((0.0, 18.0), (0.5, 48.0), (1.0, 85.0))).at(0.25)
        33.0
        """
        for (p0, v0), (p1, v1) in pairwise(self.points):
            if probability <= p1:
                return v0 + (v1 - v0) * (probability - p0) / (p1 - p0)
        return self.points[-1][1]


@dataclass(frozen=True, slots=True)
class Streams:
    """The streams of one patient: what a cohort starts from, and the patient's number."""

    entropy: tuple[int, int]
    number: int

    def of(self, stream: Stream) -> Draws:
        """Open a stream at its beginning."""
        return Draws(self.entropy, stream, self.number)


class Draws:
    """Random draws of one stream.

    Parameters
    ----------
    entropy : tuple of int
        What the streams of a cohort start from: the study's salt and the seed, not negative.
    stream : Stream
        Purpose of the stream.
    number : int
        Number of the patient (or of the block of patients for ``Stream.PLAN``), from 0.

    Examples
    --------
    >>> Draws((0, 2020), Stream.DISEASE, 5).uniform() == Draws((0, 2020), Stream.DISEASE, 5).uniform()
    True
    >>> Draws((0, 2020), Stream.DISEASE, 5).uniform() == Draws((0, 2020), Stream.DISEASE, 6).uniform()
    False
    """

    __slots__ = ("_generator",)

    def __init__(self, entropy: tuple[int, int], stream: Stream, number: int) -> None:
        sequence = np.random.SeedSequence(entropy=entropy, spawn_key=(int(stream), number))
        self._generator = np.random.Generator(np.random.PCG64(sequence))

    def uniform(self) -> float:
        """Draw from [0, 1)."""
        return float(self._generator.random())

    def chance(self, probability: float) -> bool:
        """Draw true with this probability."""
        return self.uniform() < probability

    def whole(self, first: int, last: int) -> int:
        """Draw a whole number from ``first`` to ``last``, both included; ``first`` if the range is empty."""
        return first + int(self.uniform() * max(last - first + 1, 1))

    def choice(self, weights: Weights) -> str:
        """Draw a code."""
        left = self.uniform() * sum(weights.weights)
        for name, weight in zip(weights.names, weights.weights, strict=True):
            left -= weight
            if left < 0:
                return name
        return weights.names[-1]

    def value(self, curve: Curve) -> float:
        """Draw from a quantile function."""
        return curve.at(self.uniform())

    def waiting(self) -> float:
        """Draw a standard exponential waiting time."""
        return -math.log1p(-self.uniform())

    def order(self, n: int) -> list[int]:
        """Draw an order of 0 .. n - 1."""
        keys = [self.uniform() for _ in range(n)]
        return sorted(range(n), key=keys.__getitem__)
