"""Tests of what is found out about a finished model."""
