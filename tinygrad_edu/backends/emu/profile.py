def active():
    return None
