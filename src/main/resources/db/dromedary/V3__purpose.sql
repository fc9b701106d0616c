-- What a call was made for: `answer`, or `judge` for the router's own calls, which are metered too and shown apart.
ALTER TABLE dromedary_attempts ADD COLUMN purpose VARCHAR(16) DEFAULT 'answer' NOT NULL;
