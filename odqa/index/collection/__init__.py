"""The collection level: clusters of documents with summaries of their own, kept up to date as documents come and go."""
