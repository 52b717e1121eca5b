"""The consent log as it is kept: leaves, tree, checkpoints, anchors, and the log computed again."""
