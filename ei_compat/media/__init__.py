"""Pictures and signals.

::

    pixels           8-bit pixels and the numbers that networks are given for them
    image_headers    the size of plain JPEG and PNG files from their first bytes
    image_files      pictures opened within limits, decoded and written
    images           pictures as Studio prepares them: crop, resize, channels
    box_check        bounding boxes held against their picture
    timestamps       the constant interval behind rounded timestamps
    wav              signals as audio
    acquisition      Edge Impulse's signed JSON and CBOR
    signals          any file of a signal, read and written
"""
