/**
 * The complex steps of the transform; see transform.ts. A block of n points, the coefficients of a polynomial modulo
 * z^n - c, becomes four of n/4 points, modulo z^(n/4) - r i^k for k = 0 ... 3, where r^4 = c: the quarters x0 ... x3
 * times 1, r, r^2, r^3, and then a transform of four points. One r serves the whole block.
 *
 * Real parts stand at `z`, imaginary parts `imaginary` bytes behind them. A block's twiddles are r, r^2, r^3.
 */
import { add, both, mul, NUMBER, POINT, sub } from './lanes';

/** Bytes of one block's twiddles. */
export const TWIDDLES: usize = 6 * NUMBER;

/** One step on all blocks of n points (n >= 4) in `size` points. */
export function forwardPass(z: usize, imaginary: usize, size: i32, n: i32, twiddles: usize): void {
  const quarter = <usize>(n >> 2) * POINT;
  const end = z + <usize>size * POINT;
  while (z < end) {
    const r1 = both(twiddles);
    const i1 = both(twiddles + NUMBER);
    const r2 = both(twiddles + 2 * NUMBER);
    const i2 = both(twiddles + 3 * NUMBER);
    const r3 = both(twiddles + 4 * NUMBER);
    const i3 = both(twiddles + 5 * NUMBER);
    twiddles += TWIDDLES;
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
      const y2r = sub(mul(re, r2), mul(im, i2));
      const y2i = add(mul(re, i2), mul(im, r2));
      re = v128.load(z);
      im = v128.load(q0);
      const ar = add(re, y2r);
      const ai = add(im, y2i);
      const br = sub(re, y2r);
      const bi = sub(im, y2i);
      re = v128.load(p1);
      im = v128.load(q1);
      const y1r = sub(mul(re, r1), mul(im, i1));
      const y1i = add(mul(re, i1), mul(im, r1));
      re = v128.load(p3);
      im = v128.load(q3);
      const y3r = sub(mul(re, r3), mul(im, i3));
      const y3i = add(mul(re, i3), mul(im, r3));
      const cr = add(y1r, y3r);
      const ci = add(y1i, y3i);
      const dr = sub(y1r, y3r);
      const di = sub(y1i, y3i);
      v128.store(z, add(ar, cr));
      v128.store(q0, add(ai, ci));
      v128.store(p1, sub(br, di));
      v128.store(q1, add(bi, dr));
      v128.store(p2, sub(ar, cr));
      v128.store(q2, sub(ai, ci));
      v128.store(p3, add(br, di));
      v128.store(q3, sub(bi, dr));
    }
    z += 3 * quarter;
  }
}

/** The inverse of forwardPass, times 4. */
export function inversePass(z: usize, imaginary: usize, size: i32, n: i32, twiddles: usize): void {
  const quarter = <usize>(n >> 2) * POINT;
  const end = z + <usize>size * POINT;
  while (z < end) {
    const r1 = both(twiddles);
    const i1 = both(twiddles + NUMBER);
    const r2 = both(twiddles + 2 * NUMBER);
    const i2 = both(twiddles + 3 * NUMBER);
    const r3 = both(twiddles + 4 * NUMBER);
    const i3 = both(twiddles + 5 * NUMBER);
    twiddles += TWIDDLES;
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
      const ar = add(ur, vr);
      const ai = add(ui, vi);
      const cr = sub(ur, vr);
      const ci = sub(ui, vi);
      ur = v128.load(p1);
      ui = v128.load(q1);
      vr = v128.load(p3);
      vi = v128.load(q3);
      const br = add(ur, vr);
      const bi = add(ui, vi);
      const dr = sub(ur, vr);
      const di = sub(ui, vi);
      v128.store(z, add(ar, br));
      v128.store(q0, add(ai, bi));
      const y2r = sub(ar, br);
      const y2i = sub(ai, bi);
      v128.store(p2, add(mul(y2r, r2), mul(y2i, i2)));
      v128.store(q2, sub(mul(y2i, r2), mul(y2r, i2)));
      const y1r = add(cr, di);
      const y1i = sub(ci, dr);
      v128.store(p1, add(mul(y1r, r1), mul(y1i, i1)));
      v128.store(q1, sub(mul(y1i, r1), mul(y1r, i1)));
      const y3r = sub(cr, di);
      const y3i = add(ci, dr);
      v128.store(p3, add(mul(y3r, r3), mul(y3i, i3)));
      v128.store(q3, sub(mul(y3i, r3), mul(y3r, i3)));
    }
    z += 3 * quarter;
  }
}

/** The last step of blocks that end with two points: r^2 is the square root of c. */
export function forwardPairs(z: usize, imaginary: usize, size: i32, twiddles: usize): void {
  const end = z + <usize>size * POINT;
  for (; z < end; z += 2 * POINT) {
    const wr = both(twiddles + 2 * NUMBER);
    const wi = both(twiddles + 3 * NUMBER);
    twiddles += TWIDDLES;
    const q = z + imaginary;
    const xr = v128.load(z, POINT);
    const xi = v128.load(q, POINT);
    const yr = sub(mul(xr, wr), mul(xi, wi));
    const yi = add(mul(xr, wi), mul(xi, wr));
    const re = v128.load(z);
    const im = v128.load(q);
    v128.store(z, add(re, yr));
    v128.store(q, add(im, yi));
    v128.store(z, sub(re, yr), POINT);
    v128.store(q, sub(im, yi), POINT);
  }
}

/** forwardPairs, each value times its factor (a number at the same place in `factors`), and the inverse, times 2. */
export function filterPairs(z: usize, imaginary: usize, size: i32, twiddles: usize, factors: usize): void {
  const end = z + <usize>size * POINT;
  for (; z < end; z += 2 * POINT) {
    const wr = both(twiddles + 2 * NUMBER);
    const wi = both(twiddles + 3 * NUMBER);
    twiddles += TWIDDLES;
    const f0 = both(factors);
    const f1 = both(factors + NUMBER);
    factors += 2 * NUMBER;
    const q = z + imaginary;
    const xr = v128.load(z, POINT);
    const xi = v128.load(q, POINT);
    const yr = sub(mul(xr, wr), mul(xi, wi));
    const yi = add(mul(xr, wi), mul(xi, wr));
    const re = v128.load(z);
    const im = v128.load(q);
    const ur = mul(f0, add(re, yr));
    const ui = mul(f0, add(im, yi));
    const vr = mul(f1, sub(re, yr));
    const vi = mul(f1, sub(im, yi));
    v128.store(z, add(ur, vr));
    v128.store(q, add(ui, vi));
    const dr = sub(ur, vr);
    const di = sub(ui, vi);
    v128.store(z, add(mul(dr, wr), mul(di, wi)), POINT);
    v128.store(q, sub(mul(di, wr), mul(dr, wi)), POINT);
  }
}

/** forwardPass of blocks of four points, each value times its factor, and the inverse, times 4. */
export function filterQuads(z: usize, imaginary: usize, size: i32, twiddles: usize, factors: usize): void {
  const end = z + <usize>size * POINT;
  for (; z < end; z += 4 * POINT) {
    const q = z + imaginary;
    let wr = both(twiddles + 2 * NUMBER);
    let wi = both(twiddles + 3 * NUMBER);
    let re = v128.load(z, 2 * POINT);
    let im = v128.load(q, 2 * POINT);
    const y2r = sub(mul(re, wr), mul(im, wi));
    const y2i = add(mul(re, wi), mul(im, wr));
    re = v128.load(z);
    im = v128.load(q);
    const ar = add(re, y2r);
    const ai = add(im, y2i);
    const br = sub(re, y2r);
    const bi = sub(im, y2i);
    wr = both(twiddles);
    wi = both(twiddles + NUMBER);
    re = v128.load(z, POINT);
    im = v128.load(q, POINT);
    const y1r = sub(mul(re, wr), mul(im, wi));
    const y1i = add(mul(re, wi), mul(im, wr));
    wr = both(twiddles + 4 * NUMBER);
    wi = both(twiddles + 5 * NUMBER);
    re = v128.load(z, 3 * POINT);
    im = v128.load(q, 3 * POINT);
    const y3r = sub(mul(re, wr), mul(im, wi));
    const y3i = add(mul(re, wi), mul(im, wr));
    const cr = add(y1r, y3r);
    const ci = add(y1i, y3i);
    const dr = sub(y1r, y3r);
    const di = sub(y1i, y3i);
    let f = both(factors);
    const u0r = mul(f, add(ar, cr));
    const u0i = mul(f, add(ai, ci));
    f = both(factors + 2 * NUMBER);
    const u2r = mul(f, sub(ar, cr));
    const u2i = mul(f, sub(ai, ci));
    f = both(factors + NUMBER);
    const u1r = mul(f, sub(br, di));
    const u1i = mul(f, add(bi, dr));
    f = both(factors + 3 * NUMBER);
    const u3r = mul(f, add(br, di));
    const u3i = mul(f, sub(bi, dr));
    const er = add(u0r, u2r);
    const ei = add(u0i, u2i);
    const gr = sub(u0r, u2r);
    const gi = sub(u0i, u2i);
    const hr = add(u1r, u3r);
    const hi = add(u1i, u3i);
    const kr = sub(u1r, u3r);
    const ki = sub(u1i, u3i);
    v128.store(z, add(er, hr));
    v128.store(q, add(ei, hi));
    re = sub(gr, ki);
    im = add(gi, kr);
    v128.store(z, add(mul(re, wr), mul(im, wi)), 3 * POINT);
    v128.store(q, sub(mul(im, wr), mul(re, wi)), 3 * POINT);
    wr = both(twiddles + 2 * NUMBER);
    wi = both(twiddles + 3 * NUMBER);
    re = sub(er, hr);
    im = sub(ei, hi);
    v128.store(z, add(mul(re, wr), mul(im, wi)), 2 * POINT);
    v128.store(q, sub(mul(im, wr), mul(re, wi)), 2 * POINT);
    wr = both(twiddles);
    wi = both(twiddles + NUMBER);
    re = add(gr, ki);
    im = sub(gi, kr);
    v128.store(z, add(mul(re, wr), mul(im, wi)), POINT);
    v128.store(q, sub(mul(im, wr), mul(re, wi)), POINT);
    twiddles += TWIDDLES;
    factors += 4 * NUMBER;
  }
}
