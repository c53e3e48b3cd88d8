"""Talking to Edge Impulse's services.

::

    credentials  keys that cannot be printed, and where the services are
    transport    the seam to the network, from a request to a reply
    multipart    form bodies that are read from disk while they are sent
    failures     how a request fails, and what its answer says of it
    remote       a session: authentication, retries, what an answer means
    jobs         what takes long in Studio, followed until it is done
    unzip        archives that came from elsewhere, unpacked within limits
"""
