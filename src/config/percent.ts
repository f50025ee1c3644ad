import { InvalidValue } from './error.ts'

/** How a share is written: `50%`, or `0`. */
export const percentPattern = /^(?:0|(?<amount>\d+)%)$/

/** A share as whole percents, 0 to `most`. Throws InvalidValue for anything else, a number without its sign included. */
export function parsePercent(written: string | number, most = 100): number {
  const match = percentPattern.exec(String(written))
  const percent = match ? Number(match.groups?.amount ?? 0) : Number.NaN
  if (!(percent <= most)) throw new InvalidValue(`whole percents from 0% to ${most}%`, mend(String(written)))
  return percent
}

/** Writes it with its sign: `50%`. */
export function formatPercent(percent: number): string {
  return `${percent}%`
}

/** For a bare number, which may be a share of 1 or of 100. */
function mend(written: string): string | undefined {
  if (/^0?\.\d{1,2}$/.test(written)) return `write ${Math.round(Number(written) * 100)}%`
  return /^\d{1,2}$|^100$/.test(written) ? `write ${written}%` : undefined
}
