"""Tests of what containers are started with, and, where an engine answers, of what they do."""
