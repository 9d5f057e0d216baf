/** IEEE 754 binary16, little endian: 1 sign bit, 5 bits of exponent, 10 of fraction; as NumPy's '<f2'. */

/**
 * Writes each value as two bytes of `out`, starting at `offset`, which may be odd. Values are rounded to the nearest half:
 * ties to even, 65520 and above to infinity.
 */
export function encodeFloat16(values: Float32Array, out: Uint8Array, offset: number): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0, at = offset; i < bits.length; i++, at += 2) {
    const half = roundToHalf(bits[i]!);
    out[at] = half;
    out[at + 1] = half >>> 8;
  }
}

/** Reads `out.length` halves from the bytes. Exact: every half is a float32. */
export function decodeFloat16(bytes: Uint8Array, out: Float32Array): void {
  table ??= makeTable();
  for (let i = 0; i < out.length; i++) {
    out[i] = table[bytes[2 * i]! | (bytes[2 * i + 1]! << 8)]!;
  }
}

/** The half nearest to the float32 with these bits. */
function roundToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  // From 2^-14 to 65536: drop 13 bits of the fraction. A carry may increase the exponent, up to infinity.
  if (magnitude >= 0x38800000 && magnitude < 0x47800000) {
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  if (magnitude >= 0x47800000) {
    if (magnitude <= 0x7f800000) return sign | 0x7c00;
    // NaN: keep the upper bits of the fraction, but not zero, which would mean infinity.
    return sign | 0x7c00 | ((magnitude >>> 13) & 0x3ff || 1);
  }
  // 2^-25 is half of the smallest subnormal, a tie: it rounds to the even neighbour, zero.
  if (magnitude <= 0x33000000) return sign;
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const shift = 126 - (magnitude >>> 23);
  const quotient = fraction >>> shift;
  const rest = fraction - (quotient << shift);
  const middle = 1 << (shift - 1);
  return sign | (quotient + (rest > middle || (rest === middle && (quotient & 1) === 1) ? 1 : 0));
}

/** Built at the first use: 256 KB. */
let table: Float32Array | undefined;

function makeTable(): Float32Array {
  const values = new Float32Array(0x10000);
  const bits = new Uint32Array(values.buffer);
  for (let half = 0; half < 0x10000; half++) {
    const sign = (half & 0x8000) << 16;
    const exponent = (half >>> 10) & 0x1f;
    const fraction = half & 0x3ff;
    // Bits keep a NaN's fraction. Subnormals and zero are computed, since float32 has normal numbers for them.
    if (exponent === 0x1f) bits[half] = sign | 0x7f800000 | (fraction << 13);
    else if (exponent > 0) bits[half] = sign | ((exponent + 112) << 23) | (fraction << 13);
    else values[half] = (sign < 0 ? -1 : 1) * fraction * 2 ** -24;
  }
  return values;
}
