"""JSON Schemas: what is accepted, what is refused, and what is said of the rest."""
