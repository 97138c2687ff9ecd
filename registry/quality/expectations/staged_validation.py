"""A validation in a project that lives for one run.

Importing this module imports Great Expectations; import it inside functions.
"""

from __future__ import annotations

from blinreg.registry.quality.expectations.quiet import quietly

with quietly():
    from great_expectations import ValidationDefinition
    from great_expectations.core.freshness_diagnostics import ValidationDefinitionFreshnessDiagnostics


class StagedValidation(ValidationDefinition):
    """A batch and its suite, which nobody can change while they are run."""

    def is_fresh(self) -> ValidationDefinitionFreshnessDiagnostics:
        """Tell that the suite is the one that was added.

        Great Expectations reads every suite back from its store five times a run to see whether somebody else
        changed it, which takes as long as all the rest. This store is in the memory of this run.
        """
        if self.id is None:
            return super().is_fresh()
        return ValidationDefinitionFreshnessDiagnostics(errors=[])
