"""XXH64 with seed 0 of short texts (below 32 bytes), after Yann Collet's specification."""

P1, P2, P3, P4, P5 = (
    0x9E3779B185EBCA87,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0x85EBCA77C2B2AE63,
    0x27D4EB2F165667C5,
)
FULL = (1 << 64) - 1


def xxh64(text: str) -> int:
    data = text.encode()
    assert len(data) < 32
    hashed = (P5 + len(data)) & FULL
    while len(data) >= 8:
        lane = _turned(int.from_bytes(data[:8], "little") * P2, 31) * P1
        hashed = (_turned(hashed ^ (lane & FULL), 27) * P1 + P4) & FULL
        data = data[8:]
    if len(data) >= 4:
        word = int.from_bytes(data[:4], "little") * P1
        hashed = (_turned(hashed ^ (word & FULL), 23) * P2 + P3) & FULL
        data = data[4:]
    for byte in data:
        hashed = (_turned(hashed ^ (byte * P5 & FULL), 11) * P1) & FULL
    for shift, prime in ((33, P2), (29, P3), (32, 1)):
        hashed = ((hashed ^ hashed >> shift) * prime) & FULL
    return hashed


def _turned(value: int, by: int) -> int:
    value &= FULL
    return (value << by | value >> (64 - by)) & FULL
