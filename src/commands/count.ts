/** A number as the terminal shows it: `12,345`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** A number of things, as the terminal shows it: `1 session`, `12,345 sessions`. */
export function countOf(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}
