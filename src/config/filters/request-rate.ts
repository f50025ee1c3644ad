import { InvalidValue } from '../error.ts'
import { matching, written } from '../field.ts'

/** In ms. */
const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

const pattern = /^(?<requests>[1-9]\d{0,6})\/(?<unit>[smhd])$/

const aRate = 'requests in a second, a minute, an hour or a day, such as 100/s, 10/m, 1000/h or 5000/d'

const MOST = 1_000_000

/** So many requests in a period, in ms. */
export interface RequestRate {
  readonly requests: number
  readonly period: number
}

function parse(text: string): RequestRate {
  const { requests, unit } = pattern.exec(text)!.groups as { requests: string; unit: keyof typeof units }
  if (Number(requests) > MOST) throw new InvalidValue(`at most ${MOST} ${aRate.slice(0, aRate.indexOf(','))}`)
  return { requests: Number(requests), period: units[unit] }
}

export function formatRequestRate({ requests, period }: RequestRate): string {
  const [unit] = Object.entries(units).find(([, ms]) => ms === period)!
  return `${requests}/${unit}`
}

export const RequestRateText = written(matching(pattern, aRate), parse, formatRequestRate)
