"""What a lesion means for the spine: distance to the canal, proposals for Bilsky's grade and for SINS."""
