import { InvalidValue } from './error.ts'

/** The notation of a percentage: `50%`, or `0`. */
export const percentPattern = /^(?:0|(?<amount>\d+)%)$/

/** A whole percentage from 0 to `most`. Throws InvalidValue for anything else, including a number without the % sign. */
export function parsePercent(written: string | number, most = 100): number {
  const match = percentPattern.exec(String(written))
  const percent = match ? Number(match.groups?.amount ?? 0) : Number.NaN
  if (!(percent <= most)) throw new InvalidValue(`a whole percentage from 0% to ${most}%`, hintFor(String(written)))
  return percent
}

/** Writes the percentage with its sign: `50%`. */
export function formatPercent(percent: number): string {
  return `${percent}%`
}

/** The hint for a bare number, which may be a fraction of 1 or of 100. */
function hintFor(written: string): string | undefined {
  if (/^0?\.\d{1,2}$/.test(written)) return `write ${Math.round(Number(written) * 100)}%`
  return /^\d{1,2}$|^100$/.test(written) ? `write ${written}%` : undefined
}
