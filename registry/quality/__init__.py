"""Run the rules on a submission and decide, row by row, what is accepted."""
