"""The SQL that derives what analysts read; README.md says in which order and by which rules."""
