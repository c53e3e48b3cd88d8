"""Tests of what talks to Studio."""
