"""A double of Edge Impulse's Studio API and ingestion service, on loopback, for tests. It ships nowhere.

It is strict: a request that the published API does not describe is answered with an error and kept in
`Double.violations`, which a test asserts to be empty. It has state: projects, samples, jobs, blocks, models. It can be
told to be slow, to break connections, and to answer 429, 500 or broken JSON (`faults`). Its answers are held to the
official clients' own types by `tests/ei_compat/test_clients.py`.
"""

from tests.double.faults import Fault, Faults
from tests.double.server import Double
from tests.double.state import Block, Project, Sample

__all__ = ["Block", "Double", "Fault", "Faults", "Project", "Sample"]
