"""Kedja: labelled images in; a reproducible, compared, exported, served, containerised model out."""
