-- What crate `positions` keeps of topics that were deleted and created again. The columns have defaults, so that a version
-- of a function that does not know them goes on working.
ALTER TABLE kafka_offsets
    -- The watermarks at which earlier incarnations ended: their records are still in the tables.
    ADD COLUMN earlier bigint[] NOT NULL DEFAULT '{}',
    -- An offset at which the topic was found to be another one. Until a reset nothing more is taken.
    ADD COLUMN recreated bigint;
