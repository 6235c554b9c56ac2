"""The command line: one verb, one module; it parses, calls, prints and exits."""
