"""Tests of the tasks: targets, scores, gates."""
