"""A file comes: seen, settled, admitted."""
