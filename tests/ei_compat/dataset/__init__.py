"""Tests of the neutral dataset and its splitting."""
