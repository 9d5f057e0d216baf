import { createHash } from 'node:crypto';
import { dashboard } from '../../src/artifacts/charts/dashboard.ts';
import { drawPng } from '../../src/artifacts/charts/figure.ts';
import { LIGHT } from '../../src/artifacts/charts/theme.ts';
import { madeUpResults } from './made-up.ts';

/** SHA-256 of the PNG of a dashboard, which has every chart of a training. */
export function hashDashboard(): string {
  const figure = dashboard(LIGHT, 'diy_20250131_0904', madeUpResults({ epochs: 3, records: 200 }));
  return createHash('sha256').update(drawPng(figure)).digest('hex');
}
