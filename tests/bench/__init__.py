"""Figures: each module is a command that measures and reports."""
