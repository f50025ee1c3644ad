const STEPS = '▁▂▃▄▅▆▇█'

/** The newest of the values as a line of at most that many characters, from zero to the largest; a blank where there is none. */
export function spark(values: readonly (number | null)[], width: number): string {
  const shown = values.slice(Math.max(0, values.length - width))
  const most = Math.max(...shown.map((value) => value ?? 0), Number.MIN_VALUE)
  return shown.map((value) => (value === null ? ' ' : STEPS[Math.round((value / most) * (STEPS.length - 1))]!)).join('')
}
