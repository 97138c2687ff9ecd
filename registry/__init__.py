"""The registry: submissions in, a DuckDB file out, nothing half loaded and nothing forgotten.

>>> from blinreg.registry.store import Registry
>>> from blinreg.registry.loading import load_submission
>>> from blinreg.registry.status import delta, status, violations
"""
