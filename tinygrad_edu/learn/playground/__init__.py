"""A page on which a small network trains while you watch, and one that reads your handwriting.

    tinygrad-edu playground

    points.py     what there is to learn: points of two classes in the plane
    settings.py   what a user may choose
    training.py   network, one step, and what a page shows of it
    digits.py     a digit that was drawn: probabilities, activations, what mattered
    loopback.py   refuses what does not come from this machine, and what is too large
    server.py     addresses, and the answers under them
    pages/        HTML, CSS and JavaScript, in English and Chinese

The server needs `pip install 'tinygrad_edu[playground]'`. The rest runs without.
"""
