"""What several test files share: ops over their cases, the command line, a stand-in for CuPy."""
