"""Tests of what containers are started with; those with an engine are in tests/docker/test_run.py."""
