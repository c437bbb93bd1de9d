-- What ended a job as a kind, so that nothing is decided by the sentence that people read. What older versions wrote is
-- told from the sentences that they wrote, once and for all; what none of them says, from how its last call ended.

ALTER TABLE job ADD COLUMN failure TEXT;

UPDATE job SET failure = CASE
    WHEN error LIKE 'gone: %' THEN 'gone'
    WHEN error LIKE 'truncated: %' THEN 'truncated'
    WHEN error LIKE 'paid on %' THEN 'result_gone'
    WHEN error LIKE 'the same picture failed as job %' THEN 'twin'
    WHEN error LIKE 'its paid answer is no longer in the spool%' THEN 'answer_gone'
    WHEN error LIKE 'dismissed by the owner%' THEN 'dismissed'
    WHEN error LIKE 'internal error%' THEN 'internal'
    WHEN error LIKE 'sent, and then: %' THEN 'lost'
    ELSE coalesce((
        SELECT CASE attempt.outcome
            WHEN 'refused' THEN 'refused'
            WHEN 'server' THEN 'server'
            WHEN 'network' THEN 'upload_cut'
            WHEN 'lost' THEN 'lost'
            WHEN 'bad_answer' THEN 'bad_answer'
        END
        FROM attempt WHERE attempt.job_id = job.id AND attempt.error = job.error ORDER BY attempt.id DESC LIMIT 1
    ), 'unfit')
END
WHERE state IN ('failed', 'unknown');
