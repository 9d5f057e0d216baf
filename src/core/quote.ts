/** What hostile input says goes into messages and files only short and escaped. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);
}

/** For longer texts that may hold hostile names: one line of printable ASCII. */
export function printable(text: string): string {
  return text.slice(0, 160).replace(/[^ -~]/g, '?');
}
