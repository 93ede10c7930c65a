"""The vertebral column on CT and MR: parts, instances, levels."""
