"""A project in Edge Impulse's Studio.

::

    studio         what a project is, and getting its data and its training block out
    studio_model   a project's model as Studio sees it
    model_info     what a model takes and gives, in the API's terms
    pretrained     bringing a model into a project
    block_archive  the archive of a custom block
    push           pushing a custom block to an organization
"""
