"""Sets of pairs: looked over, divided, mixed, and made more of."""
