"""Recipes as pairs: where they come from, and how they are told as prose."""
