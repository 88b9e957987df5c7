"""Attacks on everything that reads a file, and kills of everything that writes one."""
