"""Tests of sessions, multipart bodies, credentials and archives."""
