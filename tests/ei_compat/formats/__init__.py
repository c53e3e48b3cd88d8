"""Tests of the dataset formats."""
