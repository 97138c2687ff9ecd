"""Where the data of a run come from: submissions by content, never a database file or a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSubmission:
    """A submission whose rows are behind the analysis views.

    Attributes
    ----------
    site_id, submission_id : str
    content_sha256 : str
        Hash of what the site sent.
    data_cutoff_date : date, optional
    is_synthetic : bool
        What its submission.json says.
    """

    site_id: str
    submission_id: str
    content_sha256: str
    data_cutoff_date: date | None = None
    is_synthetic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The inputs of a run.

    Attributes
    ----------
    submissions : tuple of InputSubmission
        One a site.
    """

    submissions: tuple[InputSubmission, ...]

    @property
    def is_synthetic(self) -> bool:
        """Whether every submission is; false where there is none to say so.

        Examples
        --------
        >>> Provenance(submissions=()).is_synthetic
        False
        """
        return bool(self.submissions) and all(submission.is_synthetic for submission in self.submissions)

    def as_json(self) -> list[dict[str, str | bool | None]]:
        """List the submissions in the order of their sites."""
        return [
            {
                "site_id": submission.site_id,
                "submission_id": submission.submission_id,
                "content_sha256": submission.content_sha256,
                "data_cutoff_date": submission.data_cutoff_date.isoformat() if submission.data_cutoff_date else None,
                "is_synthetic": submission.is_synthetic,
            }
            for submission in sorted(self.submissions, key=lambda found: (found.site_id, found.submission_id))
        ]
