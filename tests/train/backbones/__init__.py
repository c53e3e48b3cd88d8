"""Tests of the backbones and their published weights."""
