"""What the engine stands on: error wording, dtypes, reading and printing arrays, example cases, the
allocator setting.
"""
