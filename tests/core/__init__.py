"""Tests of the core: real stores, real event loops, time that the test owns."""
