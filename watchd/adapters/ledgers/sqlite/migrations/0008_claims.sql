-- A fencing token: which claim of a job it is. Every claim is one more than the last, and a write names the claim that it
-- was made under, so that an owner who was given up for dead and comes back changes nothing.

ALTER TABLE job ADD COLUMN claim INTEGER NOT NULL DEFAULT 0;
