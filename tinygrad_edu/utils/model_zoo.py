"""Weights from the internet, which are not fetched here."""

from ..hub import load_state_dict_from_url as load_state_dict_from_url

load_url = load_state_dict_from_url
