import { InvalidValue } from './error.ts'

/** Statuses from one to another, both included. */
export interface StatusRange {
  readonly from: number
  readonly to: number
}

/** The notation of statuses: `204`, `200-299`, or `2xx` for a whole class. */
export const statusPattern = /^(?:\d{3}(?:-\d{3})?|[2-5]xx)$/

/** Statuses of final responses, 200 to 599 (RFC 9110 §15). Throws InvalidValue. */
export function parseStatusRange(written: string | number): StatusRange {
  const text = String(written).toLowerCase()
  if (!statusPattern.test(text)) throw new InvalidValue('a status such as 200, 200-299 or 2xx')
  const [from, to] = text.endsWith('xx') ? [`${text[0]}00`, `${text[0]}99`] : text.split('-')
  const range = { from: Number(from), to: Number(to ?? from) }
  if (range.from < 200 || range.to > 599) throw new InvalidValue('a status from 200 to 599')
  if (range.from > range.to) {
    throw new InvalidValue('the lower status before the higher', `write ${range.to}-${range.from}`)
  }
  return range
}

/** Writes a single status as a number, and others as `200-299`. */
export function formatStatusRange({ from, to }: StatusRange): string | number {
  return from === to ? from : `${from}-${to}`
}
