"""Events as canonical lines and the Merkle tree over them. Pure: bytes in, bytes out."""
