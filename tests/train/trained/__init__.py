"""Tests of what becomes of a trained model."""
