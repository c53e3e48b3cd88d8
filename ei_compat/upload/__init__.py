"""Samples on their way to the ingestion service, each exactly once.

::

    batches    what goes into one request
    uploads    a dataset's samples as files to upload
    journal    which files have arrived, so that an interrupted upload continues
    options    how files are uploaded
    report     what an upload did, or would do
    delivery   one batch, cut down until a file at fault is alone
    ingestion  the whole upload, in parallel
"""
