/** A time in ms, in its two largest units: `3 h 12 min`. */
function formatSpan(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ]
  const first = parts.findIndex(([amount]) => amount > 0)
  if (first < 0) return '0 s'
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ')
}

/** The time from a moment to now. */
export function spanSince(time: string): string {
  return formatSpan(Date.now() - Date.parse(time))
}

/** The time from now to a moment, in s that have begun. */
export function spanUntil(time: string): string {
  return formatSpan(Math.ceil((Date.parse(time) - Date.now()) / 1000) * 1000)
}

export function spanBetween(start: string, end: string): string {
  return formatSpan(Date.parse(end) - Date.parse(start))
}
