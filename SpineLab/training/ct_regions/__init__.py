"""Learning which regions of vertebrae that differ from their other side and their neighbours are lesions."""
