-- Eight digits tell a published output from five million others nearly always, and what they leave open is compared
-- whole; each digit more is a byte for every file that was ever finished.
DROP INDEX job_by_output;
CREATE INDEX job_by_output ON job (substr(output_sha256, 1, 8)) WHERE output_sha256 IS NOT NULL;

-- Files that an earlier version has finished without saying what was sent of them. They are read once more where they
-- still lie, or a rating would make of each a picture that nobody has paid for.
CREATE TABLE unidentified (
    folder TEXT    NOT NULL,
    job_id INTEGER NOT NULL REFERENCES job (id),
    PRIMARY KEY (folder, job_id)
) STRICT, WITHOUT ROWID;
INSERT INTO unidentified (folder, job_id)
SELECT DISTINCT sighting.folder, job.id FROM sighting JOIN job ON job.id = sighting.job_id
WHERE job.state = 'done' AND job.picture IS NULL AND job.folder = sighting.folder;
