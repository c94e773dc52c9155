"""Java's murmur2 and default partition of a key, from Kafka's `Utils.java`, for comparison."""

MASK = 0xFFFFFFFF
M = 0x5BD1E995
SEED = 0x9747B28C


def murmur2(data: bytes) -> int:
    """32-bit hash, unsigned."""
    h = (SEED ^ len(data)) & MASK
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * M & MASK
        k = (k ^ k >> 24) * M & MASK
        h = (h * M & MASK) ^ k
    rest = data[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * M & MASK
    h = (h ^ h >> 13) * M & MASK
    return h ^ h >> 15


def partition(key: bytes, count: int) -> int:
    """`toPositive(murmur2(key)) % count`."""
    return (murmur2(key) & 0x7FFFFFFF) % count
