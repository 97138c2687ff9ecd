"""What a plan says, parsed: populations, variables and analyses as frozen objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from blinreg.analyses.plans.vocabulary import known_variables, spoken

if TYPE_CHECKING:
    from blinreg.analyses.plans.methods.base import Method, Options
    from blinreg.analyses.plans.published import PublishedNumber

#: What the rows of an analysis itself are called beside those of its variants.
PLANNED = "as planned"
#: Name of the population every other one is taken from.
COHORT = "cohort"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One comparison of a patient's value, such as ``n_prior_lines at_least 2``.

    Attributes
    ----------
    variable : str
        A known variable.
    operator : str
        One of `blinreg.analyses.plans.conditions.OPERATORS`.
    value : object
        What is compared with: a number, a code, or a tuple of them.
    """

    variable: str
    operator: str
    value: Any

    def __str__(self) -> str:
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        is_flag = known_variables()[self.variable].column.unit == "0/1"
        value = " or ".join({0: "no", 1: "yes"}.get(item, str(item)) if is_flag else str(item) for item in values)
        return f"{spoken(self.variable.removeprefix('is_'))} {spoken(self.operator)} {spoken(value)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Patients that an analysis takes: another population, narrowed by conditions."""

    name: str
    title: str
    parent: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level of a derived variable: patients for whom all conditions hold."""

    name: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedVariable:
    """A variable made in the plan: a column in other units, or levels by conditions.

    Attributes
    ----------
    name, label : str
    column : str
        Known variable that is divided by `per`; empty if there are levels.
    per : float
        Unit of the variable: 10 turns years into decades.
    levels : tuple of Level
        The first level that fits counts; nobody fits none unless a value is unknown.
    """

    name: str
    label: str
    column: str = ""
    per: float = 1.0
    levels: tuple[Level, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """Known variables it is made from; it is known when the last of them is."""
        names = [condition.variable for level in self.levels for condition in level.conditions]
        return tuple(dict.fromkeys([self.column] if self.column else names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What the plan is about.

    Attributes
    ----------
    name, title : str
    question : str
        The question that the first screen of the report answers.
    source : str
        Publication that the plan follows; may be empty.
    key_findings : tuple of str
        Analyses whose sentences sum the study up.
    """

    name: str
    title: str
    question: str = ""
    source: str = ""
    key_findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The analyses that answer the question of the study.

    Attributes
    ----------
    effect : str
        A Cox model with the exposure as a time-dependent term.
    term : str
        The exposure.
    test : str
        Simon-Makuch analysis of it, with the Mantel-Byar test.
    contrast : str
        The same model with ever/never groups, declared as biased; may be empty.
    exposure_words, event_words : str
        What the first screen calls the exposure and the events of the endpoint.
    """

    effect: str
    term: str
    test: str
    contrast: str = ""
    exposure_words: str = "the exposure"
    event_words: str = "events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One analysis of a plan.

    Attributes
    ----------
    name : str
        Name of its result files.
    title, section, note : str
        For the report.
    method : Method
        How it is carried out.
    options : Options
        What the method was told.
    biased : bool
        The author knows that something is used before it is known, and says so.
    beside : str
        Analysis next to which the report shows this one; may be empty.
    core : bool
        It belongs to what is carried out of very many patients.
    enters_at : {"", "registration"}
        When a patient comes under observation: at the origin, or at registration if that is later.
    censor_at : {"", "transplant"}
        What ends follow-up before its time.
    variant : str
        What this one does otherwise, if it is a variant of the analysis of its name; else empty.
    variants : tuple of Entry
        The same analysis with other options, to be put beside it.
    """

    name: str
    title: str
    section: str
    note: str
    method: Method[Any]
    options: Options
    biased: bool
    beside: str
    core: bool = False
    enters_at: str = ""
    censor_at: str = ""
    variant: str = ""
    variants: tuple[Entry, ...] = ()

    @property
    def spoken_name(self) -> str:
        """Name for messages, which no other analysis or variant of the plan has."""
        return f"{self.name}, variant '{self.variant}'" if self.variant else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A parsed plan.

    Attributes
    ----------
    file : str
        Name of the file, for messages.
    text : str
        As read.
    labels : mapping of str to str
        Words for variables.
    words : mapping of str to mapping
        Words for levels, by variable.
    published : tuple of PublishedNumber
        What the publication prints that the plan follows.
    left_out : tuple of str
        Analyses of the text that are not carried out: of a core plan all others.
    """

    study: Study
    file: str
    text: str
    populations: Mapping[str, Population]
    variables: Mapping[str, DerivedVariable]
    labels: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]]
    headline: Headline | None
    entries: tuple[Entry, ...]
    published: tuple[PublishedNumber, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.study.name

    @property
    def text_sha256(self) -> str:
        """Hash of the text."""
        return sha256(self.text.encode()).hexdigest()

    @property
    def judged(self) -> tuple[Entry, ...]:
        """Every analysis, each followed by its variants."""
        return tuple(one for entry in self.entries for one in (entry, *entry.variants))

    def entry(self, name: str) -> Entry:
        """Return the analysis called ``name``; ``KeyError`` if there is none."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(name)

    def label(self, variable: str) -> str:
        """Words for a variable, as the report shows them."""
        if variable in self.labels:
            return self.labels[variable]
        if variable in self.variables:
            return self.variables[variable].label
        words = spoken(variable)
        return words[:1].upper() + words[1:]

    def say(self, variable: str, level: str) -> str:
        """Words for a level of a variable, as the report shows them."""
        return self.words.get(variable, {}).get(level, spoken(level))

    def population_title(self, population: str) -> str:
        """Words for a population."""
        return self.populations[population].title if population in self.populations else "All patients"

    def sources(self, variable: str) -> tuple[str, ...]:
        """Known variables behind a name that a plan may use."""
        return self.variables[variable].sources if variable in self.variables else (variable,)

    def lineage(self, population: str) -> tuple[Population, ...]:
        """Populations from the cohort down to the one named, the cohort itself left out."""
        chain: list[Population] = []
        while population != COHORT:
            chain.append(self.populations[population])
            population = chain[-1].parent
        return tuple(reversed(chain))
