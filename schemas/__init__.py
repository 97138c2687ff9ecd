"""The one definition of every table, column and code of blinreg."""
