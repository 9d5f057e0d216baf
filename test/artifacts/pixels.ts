/** Decodes PNGs and counts their pixels. */
import assert from 'node:assert/strict';
import { createCanvas, loadImage } from '@napi-rs/canvas';

export interface Pixels {
  width: number;
  height: number;
  /** RGBA, a byte each. */
  data: Uint8ClampedArray;
}

export async function decodePng(bytes: Uint8Array): Promise<Pixels> {
  assert.equal(Buffer.from(bytes.subarray(0, 8)).toString('latin1'), '\x89PNG\r\n\x1a\n');
  const image = await loadImage(bytes);
  const { width, height } = image;
  const context = createCanvas(width, height).getContext('2d');
  context.drawImage(image, 0, 0);
  return { width, height, data: context.getImageData(0, 0, width, height).data };
}

/** The number of pixels with a colour, given as #rrggbb. */
export function countColor({ data }: Pixels, color: string): number {
  const wanted = Number.parseInt(color.slice(1), 16);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    if ((data[i]! << 16) + (data[i + 1]! << 8) + data[i + 2]! === wanted) count++;
  }
  return count;
}

/** The number of pixels in which two pictures of the same size differ. */
export function countDifferent(a: Pixels, b: Pixels): number {
  assert.deepEqual([a.width, a.height], [b.width, b.height]);
  let count = 0;
  for (let i = 0; i < a.data.length; i += 4) {
    if (a.data[i] !== b.data[i] || a.data[i + 1] !== b.data[i + 1] || a.data[i + 2] !== b.data[i + 2])
      count++;
  }
  return count;
}
