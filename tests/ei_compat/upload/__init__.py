"""Tests of uploading to the ingestion service."""
