import { LONGEST_DURATION } from '../runtime/bounds.ts'
import { InvalidValue } from './error.ts'

const units = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const

/** The notation of a duration: `500ms`, `30s`, `2m`, `1h`, `1d` or `0`. */
export const durationPattern = /^(?:0|(?<amount>\d+)(?<unit>ms|s|m|h|d))$/

/**
 * A duration in milliseconds, of at most what a timer takes. Throws InvalidValue for anything else, including a number without a
 * unit.
 */
export function parseDuration(written: string | number): number {
  return parseDurationUpTo(written, LONGEST_DURATION)
}

/** The same, of at most so many milliseconds. */
export function parseDurationUpTo(written: string | number, most: number): number {
  const match = durationPattern.exec(String(written))
  if (!match) throw new InvalidValue('a whole number with a unit (ms, s, m, h or d), such as 30s', hintFor(written))
  const { amount = '0', unit = 'ms' } = match.groups ?? {}
  const duration = Number(amount) * units[unit as keyof typeof units]
  if (duration > most) throw new InvalidValue(`a duration of at most ${Math.floor(most / units.d)}d`)
  return duration
}

/** Writes milliseconds in the largest unit that divides them: 90000 is `90s`, 120000 is `2m`. */
export function formatDuration(duration: number): string {
  if (duration === 0) return '0s'
  const [unit, size] = Object.entries(units).find(([, size]) => duration % size === 0) ?? ['ms', 1]
  return `${duration / size}${unit}`
}

function hintFor(written: string | number): string | undefined {
  return /^\d+$/.test(String(written)) ? `write ${written}s or ${written}ms` : undefined
}
