/**
 * The complex steps of the transform; see transform.ts. A block of n points, the coefficients of a polynomial modulo
 * z^n - c, becomes four blocks of n/4 points, modulo z^(n/4) - r i^k for k = 0 ... 3, where r^4 = c: the quarters x0
 * ... x3 are multiplied by 1, r, r^2, r^3, followed by a transform of four points. One r serves the whole block.
 *
 * Real parts are at `z`, imaginary parts `imaginary` bytes after them. A block's twiddles are r, r^2, r^3.
 */
import { add, all, mul, POINT, sub } from './lanes';

/** Bytes of one block's twiddles. */
export function twiddleBytes<T>(): usize {
  return 6 * sizeof<T>();
}

/** One step on all blocks of n points (n >= 4) in `size` points. */
export function forwardPass<T>(z: usize, imaginary: usize, size: i32, n: i32, twiddles: usize): void {
  const quarter = <usize>(n >> 2) * POINT;
  const end = z + <usize>size * POINT;
  while (z < end) {
    const r1 = all<T>(twiddles);
    const i1 = all<T>(twiddles + sizeof<T>());
    const r2 = all<T>(twiddles + 2 * sizeof<T>());
    const i2 = all<T>(twiddles + 3 * sizeof<T>());
    const r3 = all<T>(twiddles + 4 * sizeof<T>());
    const i3 = all<T>(twiddles + 5 * sizeof<T>());
    twiddles += twiddleBytes<T>();
    for (const stop = z + quarter; z < stop; z += POINT) {
      const p1 = z + quarter;
      const p2 = p1 + quarter;
      const p3 = p2 + quarter;
      const q0 = z + imaginary;
      const q1 = p1 + imaginary;
      const q2 = p2 + imaginary;
      const q3 = p3 + imaginary;
      let re = v128.load(p2);
      let im = v128.load(q2);
      const y2r = sub<T>(mul<T>(re, r2), mul<T>(im, i2));
      const y2i = add<T>(mul<T>(re, i2), mul<T>(im, r2));
      re = v128.load(z);
      im = v128.load(q0);
      const ar = add<T>(re, y2r);
      const ai = add<T>(im, y2i);
      const br = sub<T>(re, y2r);
      const bi = sub<T>(im, y2i);
      re = v128.load(p1);
      im = v128.load(q1);
      const y1r = sub<T>(mul<T>(re, r1), mul<T>(im, i1));
      const y1i = add<T>(mul<T>(re, i1), mul<T>(im, r1));
      re = v128.load(p3);
      im = v128.load(q3);
      const y3r = sub<T>(mul<T>(re, r3), mul<T>(im, i3));
      const y3i = add<T>(mul<T>(re, i3), mul<T>(im, r3));
      const cr = add<T>(y1r, y3r);
      const ci = add<T>(y1i, y3i);
      const dr = sub<T>(y1r, y3r);
      const di = sub<T>(y1i, y3i);
      v128.store(z, add<T>(ar, cr));
      v128.store(q0, add<T>(ai, ci));
      v128.store(p1, sub<T>(br, di));
      v128.store(q1, add<T>(bi, dr));
      v128.store(p2, sub<T>(ar, cr));
      v128.store(q2, sub<T>(ai, ci));
      v128.store(p3, add<T>(br, di));
      v128.store(q3, sub<T>(bi, dr));
    }
    z += 3 * quarter;
  }
}

/** The inverse of forwardPass, scaled by 4. */
export function inversePass<T>(z: usize, imaginary: usize, size: i32, n: i32, twiddles: usize): void {
  const quarter = <usize>(n >> 2) * POINT;
  const end = z + <usize>size * POINT;
  while (z < end) {
    const r1 = all<T>(twiddles);
    const i1 = all<T>(twiddles + sizeof<T>());
    const r2 = all<T>(twiddles + 2 * sizeof<T>());
    const i2 = all<T>(twiddles + 3 * sizeof<T>());
    const r3 = all<T>(twiddles + 4 * sizeof<T>());
    const i3 = all<T>(twiddles + 5 * sizeof<T>());
    twiddles += twiddleBytes<T>();
    for (const stop = z + quarter; z < stop; z += POINT) {
      const p1 = z + quarter;
      const p2 = p1 + quarter;
      const p3 = p2 + quarter;
      const q0 = z + imaginary;
      const q1 = p1 + imaginary;
      const q2 = p2 + imaginary;
      const q3 = p3 + imaginary;
      let ur = v128.load(z);
      let ui = v128.load(q0);
      let vr = v128.load(p2);
      let vi = v128.load(q2);
      const ar = add<T>(ur, vr);
      const ai = add<T>(ui, vi);
      const cr = sub<T>(ur, vr);
      const ci = sub<T>(ui, vi);
      ur = v128.load(p1);
      ui = v128.load(q1);
      vr = v128.load(p3);
      vi = v128.load(q3);
      const br = add<T>(ur, vr);
      const bi = add<T>(ui, vi);
      const dr = sub<T>(ur, vr);
      const di = sub<T>(ui, vi);
      v128.store(z, add<T>(ar, br));
      v128.store(q0, add<T>(ai, bi));
      const y2r = sub<T>(ar, br);
      const y2i = sub<T>(ai, bi);
      v128.store(p2, add<T>(mul<T>(y2r, r2), mul<T>(y2i, i2)));
      v128.store(q2, sub<T>(mul<T>(y2i, r2), mul<T>(y2r, i2)));
      const y1r = add<T>(cr, di);
      const y1i = sub<T>(ci, dr);
      v128.store(p1, add<T>(mul<T>(y1r, r1), mul<T>(y1i, i1)));
      v128.store(q1, sub<T>(mul<T>(y1i, r1), mul<T>(y1r, i1)));
      const y3r = sub<T>(cr, di);
      const y3i = add<T>(ci, dr);
      v128.store(p3, add<T>(mul<T>(y3r, r3), mul<T>(y3i, i3)));
      v128.store(q3, sub<T>(mul<T>(y3i, r3), mul<T>(y3r, i3)));
    }
    z += 3 * quarter;
  }
}

/** The last step for blocks that end with two points: r^2 is the square root of c. */
export function forwardPairs<T>(z: usize, imaginary: usize, size: i32, twiddles: usize): void {
  const end = z + <usize>size * POINT;
  for (; z < end; z += 2 * POINT) {
    const wr = all<T>(twiddles + 2 * sizeof<T>());
    const wi = all<T>(twiddles + 3 * sizeof<T>());
    twiddles += twiddleBytes<T>();
    const q = z + imaginary;
    const xr = v128.load(z, POINT);
    const xi = v128.load(q, POINT);
    const yr = sub<T>(mul<T>(xr, wr), mul<T>(xi, wi));
    const yi = add<T>(mul<T>(xr, wi), mul<T>(xi, wr));
    const re = v128.load(z);
    const im = v128.load(q);
    v128.store(z, add<T>(re, yr));
    v128.store(q, add<T>(im, yi));
    v128.store(z, sub<T>(re, yr), POINT);
    v128.store(q, sub<T>(im, yi), POINT);
  }
}

/** forwardPairs, then each value times its factor (at the same place in `factors`), then the inverse, scaled by 2. */
export function filterPairs<T>(z: usize, imaginary: usize, size: i32, twiddles: usize, factors: usize): void {
  const end = z + <usize>size * POINT;
  for (; z < end; z += 2 * POINT) {
    const wr = all<T>(twiddles + 2 * sizeof<T>());
    const wi = all<T>(twiddles + 3 * sizeof<T>());
    twiddles += twiddleBytes<T>();
    const f0 = all<T>(factors);
    const f1 = all<T>(factors + sizeof<T>());
    factors += 2 * sizeof<T>();
    const q = z + imaginary;
    const xr = v128.load(z, POINT);
    const xi = v128.load(q, POINT);
    const yr = sub<T>(mul<T>(xr, wr), mul<T>(xi, wi));
    const yi = add<T>(mul<T>(xr, wi), mul<T>(xi, wr));
    const re = v128.load(z);
    const im = v128.load(q);
    const ur = mul<T>(f0, add<T>(re, yr));
    const ui = mul<T>(f0, add<T>(im, yi));
    const vr = mul<T>(f1, sub<T>(re, yr));
    const vi = mul<T>(f1, sub<T>(im, yi));
    v128.store(z, add<T>(ur, vr));
    v128.store(q, add<T>(ui, vi));
    const dr = sub<T>(ur, vr);
    const di = sub<T>(ui, vi);
    v128.store(z, add<T>(mul<T>(dr, wr), mul<T>(di, wi)), POINT);
    v128.store(q, sub<T>(mul<T>(di, wr), mul<T>(dr, wi)), POINT);
  }
}

/** forwardPass for blocks of four points, then each value times its factor, then the inverse, scaled by 4. */
export function filterQuads<T>(z: usize, imaginary: usize, size: i32, twiddles: usize, factors: usize): void {
  const end = z + <usize>size * POINT;
  for (; z < end; z += 4 * POINT) {
    const q = z + imaginary;
    let wr = all<T>(twiddles + 2 * sizeof<T>());
    let wi = all<T>(twiddles + 3 * sizeof<T>());
    let re = v128.load(z, 2 * POINT);
    let im = v128.load(q, 2 * POINT);
    const y2r = sub<T>(mul<T>(re, wr), mul<T>(im, wi));
    const y2i = add<T>(mul<T>(re, wi), mul<T>(im, wr));
    re = v128.load(z);
    im = v128.load(q);
    const ar = add<T>(re, y2r);
    const ai = add<T>(im, y2i);
    const br = sub<T>(re, y2r);
    const bi = sub<T>(im, y2i);
    wr = all<T>(twiddles);
    wi = all<T>(twiddles + sizeof<T>());
    re = v128.load(z, POINT);
    im = v128.load(q, POINT);
    const y1r = sub<T>(mul<T>(re, wr), mul<T>(im, wi));
    const y1i = add<T>(mul<T>(re, wi), mul<T>(im, wr));
    wr = all<T>(twiddles + 4 * sizeof<T>());
    wi = all<T>(twiddles + 5 * sizeof<T>());
    re = v128.load(z, 3 * POINT);
    im = v128.load(q, 3 * POINT);
    const y3r = sub<T>(mul<T>(re, wr), mul<T>(im, wi));
    const y3i = add<T>(mul<T>(re, wi), mul<T>(im, wr));
    const cr = add<T>(y1r, y3r);
    const ci = add<T>(y1i, y3i);
    const dr = sub<T>(y1r, y3r);
    const di = sub<T>(y1i, y3i);
    let f = all<T>(factors);
    const u0r = mul<T>(f, add<T>(ar, cr));
    const u0i = mul<T>(f, add<T>(ai, ci));
    f = all<T>(factors + 2 * sizeof<T>());
    const u2r = mul<T>(f, sub<T>(ar, cr));
    const u2i = mul<T>(f, sub<T>(ai, ci));
    f = all<T>(factors + sizeof<T>());
    const u1r = mul<T>(f, sub<T>(br, di));
    const u1i = mul<T>(f, add<T>(bi, dr));
    f = all<T>(factors + 3 * sizeof<T>());
    const u3r = mul<T>(f, add<T>(br, di));
    const u3i = mul<T>(f, sub<T>(bi, dr));
    const er = add<T>(u0r, u2r);
    const ei = add<T>(u0i, u2i);
    const gr = sub<T>(u0r, u2r);
    const gi = sub<T>(u0i, u2i);
    const hr = add<T>(u1r, u3r);
    const hi = add<T>(u1i, u3i);
    const kr = sub<T>(u1r, u3r);
    const ki = sub<T>(u1i, u3i);
    v128.store(z, add<T>(er, hr));
    v128.store(q, add<T>(ei, hi));
    re = sub<T>(gr, ki);
    im = add<T>(gi, kr);
    v128.store(z, add<T>(mul<T>(re, wr), mul<T>(im, wi)), 3 * POINT);
    v128.store(q, sub<T>(mul<T>(im, wr), mul<T>(re, wi)), 3 * POINT);
    wr = all<T>(twiddles + 2 * sizeof<T>());
    wi = all<T>(twiddles + 3 * sizeof<T>());
    re = sub<T>(er, hr);
    im = sub<T>(ei, hi);
    v128.store(z, add<T>(mul<T>(re, wr), mul<T>(im, wi)), 2 * POINT);
    v128.store(q, sub<T>(mul<T>(im, wr), mul<T>(re, wi)), 2 * POINT);
    wr = all<T>(twiddles);
    wi = all<T>(twiddles + sizeof<T>());
    re = add<T>(gr, ki);
    im = sub<T>(gi, kr);
    v128.store(z, add<T>(mul<T>(re, wr), mul<T>(im, wi)), POINT);
    v128.store(q, sub<T>(mul<T>(im, wr), mul<T>(re, wi)), POINT);
    twiddles += twiddleBytes<T>();
    factors += 4 * sizeof<T>();
  }
}
