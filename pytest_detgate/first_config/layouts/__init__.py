"""How the files of a data set may lie, and which splits that makes."""
