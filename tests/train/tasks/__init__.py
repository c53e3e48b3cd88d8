"""Tests of the tasks: targets, scores, checks."""
