"""How much a person must still check: a budget, learned from pairs, promised by a bound."""
