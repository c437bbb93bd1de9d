-- The scale that the service really applied, as the size of its answer proves it: what was asked for may be reduced.

ALTER TABLE attempt ADD COLUMN scale REAL;
