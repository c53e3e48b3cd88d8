"""Tests of the compiler, the engine in C and the packages."""
