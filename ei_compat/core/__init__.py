"""What every other room stands on.

::

    errors     one small tree, with stable codes and exit codes
    limits     how much of somebody else's data is read at most
    progress   how long work reports what it is doing
    files      files that appear whole or not at all, and paths that stay inside their folder
    numbers    labels that are numbers
    words      counts of things as people write them
    parsing    JSON with limits and positions, checked against a dataclass
    documents  Edge Impulse's JSON documents as dataclasses and back
"""
