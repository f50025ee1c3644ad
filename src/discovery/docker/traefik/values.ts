import { formatDuration, parseDuration } from '../../../config/duration.ts'
import { alternatives, InvalidValue } from '../../../config/error.ts'

/** What Go's strconv.ParseBool reads, which Traefik uses. */
export function parseSwitch(text: string): boolean {
  if (/^(?:1|t|true)$/i.test(text)) return true
  if (/^(?:0|f|false)$/i.test(text)) return false
  throw new InvalidValue('true or false')
}

export function parseWhole(text: string, from: number, to: number): number {
  const number = Number(text)
  if (!/^\d{1,9}$/.test(text) || number < from || number > to)
    throw new InvalidValue(`a whole number from ${from} to ${to}`)
  return number
}

export function parsePort(text: string): number {
  return parseWhole(text, 1, 65_535)
}

export function parseChoice<Choice extends string>(text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((choice) => choice === text.toLowerCase())
  if (choice === undefined) throw new InvalidValue(alternatives(choices))
  return choice
}

/** Names, between commas. */
export function parseList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

const goUnits = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 0.001, µs: 0.001, ns: 0.000_001 } as const

/** A duration of Go (`1m30s`, `1.5s`), or a number of seconds, as Limpet writes it. */
export function parseGoDuration(text: string): string {
  const written = /^\d+$/.test(text) ? `${text}s` : text
  if (!/^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|us|µs|ns|h|m|s)){1,6}$/.test(written))
    throw new InvalidValue('a duration such as 10s or 1m30s')
  const parts = [...written.matchAll(/([\d.]+)(ms|us|µs|ns|h|m|s)/g)]
  const duration = parts.reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * goUnits[unit as keyof typeof goUnits],
    0,
  )
  return formatDuration(parseDuration(formatDuration(Math.round(duration))))
}
