"""Tests of pictures and signals."""
