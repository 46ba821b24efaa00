"""Tests; each docstring says the property it holds."""
