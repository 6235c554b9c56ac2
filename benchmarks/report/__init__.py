"""From measurements to medians, tables and plots."""
