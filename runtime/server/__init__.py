"""One process that answers many: a base, adapters, one decoder, and HTTP before it."""
