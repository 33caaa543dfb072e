"""What a right gate may say of a project, worked out from its files by simple loops.

Nothing here imports the package: only the standard library, and Pillow to open an image.
"""
