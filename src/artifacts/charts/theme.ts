/** Colours and fonts of all plots. Series colours are from Okabe and Ito: colour-blind readers can tell them apart. */

export interface Theme {
  background: string;
  text: string;
  muted: string;
  axis: string;
  grid: string;
  blue: string;
  orange: string;
  green: string;
  purple: string;
  /** Fill of a cell with share 1; the text colour is readable on it. */
  cell: string;
}

export const LIGHT: Theme = {
  background: '#ffffff',
  text: '#1a1d23',
  muted: '#59606d',
  axis: '#8a909c',
  grid: '#e7e9ed',
  blue: '#0072b2',
  orange: '#d55e00',
  green: '#009e73',
  purple: '#b5609a',
  cell: '#86c1e4',
};

/** The same hues, light enough for a dark page. */
export const DARK: Theme = {
  background: '#171a21',
  text: '#e8eaee',
  muted: '#a5acb9',
  axis: '#6b7280',
  grid: '#2a2f39',
  blue: '#56b4e9',
  orange: '#f09a4a',
  green: '#35c79f',
  purple: '#dd9cc5',
  cell: '#1f5f8b',
};

/** PNGs use Inter, which comes with chirpline. In an SVG the browser uses the first font that it has. */
export const FONT_FAMILY = 'Inter, system-ui, sans-serif';

/** Font sizes [px]. */
export const FONT_SIZE = { heading: 20, title: 15, label: 12 } as const;
