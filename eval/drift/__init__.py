"""Whether new documents are still like the old ones, told from results alone, without gold."""
