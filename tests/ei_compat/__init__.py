"""Tests of Edge Impulse's outside: datasets, formats, uploads, Studio."""
