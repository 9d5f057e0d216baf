/** The style sheet of report.html. Its colours are those of the charts. */
import { DARK, LIGHT, type Theme } from '../charts/theme.ts';

function variables(theme: Theme): string {
  return Object.entries(theme)
    .map(([name, value]) => `--${name}: ${value};`)
    .join(' ');
}

export const STYLE = `
:root { color-scheme: light dark; --page: #f4f5f7; ${variables(LIGHT)} }
@media (prefers-color-scheme: dark) { :root { --page: #0f1116; ${variables(DARK)} } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 Inter, system-ui, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 32px 24px 48px; }
h1 { margin: 0; font-size: 28px; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 40px 0 12px; font-size: 20px; }
p { margin: 6px 0; max-width: 75ch; overflow-wrap: anywhere; }
time { white-space: nowrap; }
.muted { color: var(--muted); }
.note { margin: 16px 0; padding: 12px 16px; max-width: none; background: var(--background);
  border-left: 4px solid var(--orange); border-radius: 4px; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 12px; margin: 24px 0 0; }
.numbers div, figure, .card { background: var(--background); border: 1px solid var(--grid); border-radius: 10px; }
.numbers div { display: flex; flex-direction: column-reverse; justify-content: flex-end; padding: 12px; }
.numbers dt { color: var(--muted); font-size: 14px; }
.numbers dd { margin: 0; font-size: 23px; font-weight: 600; white-space: nowrap; font-variant-numeric: tabular-nums; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); gap: 16px; }
.plots.large { grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); }
figure { margin: 0; padding: 8px 8px 14px; }
figure img { display: block; width: 100%; height: auto; }
figcaption { margin: 4px 12px 0; color: var(--muted); font-size: 14px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 340px), 1fr)); gap: 16px;
  align-items: start; }
.card { padding: 16px 18px; min-width: 0; }
.card h3 { margin: 0 0 8px; font-size: 16px; }
h3.table { margin: 24px 0 8px; font-size: 16px; }
.facts { display: grid; grid-template-columns: minmax(110px, auto) 1fr; gap: 4px 16px; margin: 0; font-size: 15px; }
.facts dt { color: var(--muted); }
.facts dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; background: var(--background); border: 1px solid var(--grid); border-radius: 10px; }
.scroll:focus-visible { outline: 2px solid var(--blue); }
table { width: 100%; border-collapse: collapse; font-size: 15px; font-variant-numeric: tabular-nums; }
th, td { padding: 8px 14px; text-align: left; border-bottom: 1px solid var(--grid); }
th { color: var(--muted); font-weight: 600; white-space: nowrap; }
tbody tr:last-child > * { border-bottom: 0; }
tbody tr.best > * { font-weight: 600; background: color-mix(in srgb, var(--cell) 35%, transparent); }
.figures th, .figures td { text-align: right; white-space: nowrap; }
.rejected td { min-width: 150px; overflow-wrap: anywhere; }
.rejected td:nth-child(2) { min-width: 260px; }
footer { margin-top: 40px; color: var(--muted); font-size: 14px; }
@media (max-width: 600px) {
  main { padding: 20px 14px 32px; }
  h1 { font-size: 23px; }
  .numbers { grid-template-columns: 1fr 1fr; }
  .figures { font-size: 13px; }
  .figures th, .figures td { padding: 6px; }
  .figures th { white-space: normal; }
}
@media print { body { background: none; } figure, .card { break-inside: avoid; } }
`;
