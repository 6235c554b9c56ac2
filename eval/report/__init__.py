"""The page of a run: tables, charts, documents."""
