/** Chromium, in which the tests load pages. */
import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

const PLACES = [
  process.env.CHIRPLINE_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Throws if Chromium is missing: the tests of the report must not be skipped. */
export function launchBrowser(): Promise<Browser> {
  const executablePath = PLACES.find((place) => place !== undefined && existsSync(place));
  if (executablePath === undefined) {
    throw new Error(
      'Chromium is missing: install it (apt-get install chromium) or set CHIRPLINE_CHROMIUM to its path',
    );
  }
  return chromium.launch({ executablePath, args: FLAGS });
}

/** Faults of a loaded page that a reader would notice. */
export function faultsOf(page: Page): Promise<string[]> {
  return page.evaluate(`(() => {
    const faults = [];
    if (document.documentElement.scrollWidth > innerWidth) faults.push('wider than the window');
    const images = [...document.images];
    if (images.length === 0) faults.push('no picture');
    for (const image of images) {
      if (!image.complete || image.naturalWidth === 0) faults.push('picture not loaded');
      if (!image.alt) faults.push('picture without text');
    }
    for (const table of document.querySelectorAll('table')) {
      if (!table.querySelector('thead th[scope=col]')) faults.push('table without header');
    }
    for (const time of document.querySelectorAll('time')) {
      if (time.getClientRects().length !== 1) faults.push('date in several lines');
    }
    if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
    return faults;
  })()`);
}
