"""A file's journey, a module for each stage: seen, settled, admitted, claimed, sent, received, published, recorded."""
