"""The consent log in the database: leaves, tree, checkpoints, anchors, and their verification."""
