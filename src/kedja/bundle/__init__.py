"""The contract between training and serving: metadata, preprocessing, integrity.

Standard library, numpy and Pillow; imports nothing else of kedja.
"""
