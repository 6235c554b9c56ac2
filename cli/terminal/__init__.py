"""The terminal: what is printed, exit codes, progress, and Ctrl-C."""
