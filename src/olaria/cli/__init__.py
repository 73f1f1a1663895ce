"""The command line: a thin shell over the workflows, one file per verb."""
