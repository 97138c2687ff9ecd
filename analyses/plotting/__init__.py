"""Figures of results: tables in, matplotlib Axes out. Imported only when something is drawn."""
