"""Write the submitted tables of synthetic patients from their courses."""

from blinreg.synthetic.records.writing import records

__all__ = ["records"]
