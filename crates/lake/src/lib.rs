//! Delta tables on S3: Arrow encoding, Parquet files, commits that carry positions.
