import { InvalidValue } from './error.ts'

/** In hours. */
const units = { h: 1, m: 60, s: 3600 } as const

/** The notation of a share per time: `1%/m`, `10%/h`. */
export const ratePattern = /^(?<amount>\d+)%\/(?<unit>[smh])$/

export const aRate = 'a rate such as 1%/m: 1% to 100% in a second (s), a minute (m) or an hour (h)'

/** Percent in an hour, a whole number. Throws InvalidValue for anything but 1% to 100% in a second, a minute or an hour. */
export function parseRate(written: string): number {
  const { amount, unit } = ratePattern.exec(written)?.groups ?? {}
  const percent = Number(amount)
  if (!(percent >= 1 && percent <= 100)) throw new InvalidValue(aRate, hintFor(written))
  return percent * units[unit as keyof typeof units]
}

/** Writes percent in an hour with the largest unit of time that fits: 60 is `1%/m`. */
export function formatRate(rate: number): string {
  if (rate % units.s === 0) return `${rate / units.s}%/s`
  return rate % units.m === 0 ? `${rate / units.m}%/m` : `${rate}%/h`
}

function hintFor(written: string): string | undefined {
  return /^\d+%$/.test(written) ? `write ${written}/m for a minute` : undefined
}
