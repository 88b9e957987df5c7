"""The parts of tools/build_site.py: pages, reference, course, gallery, links."""
