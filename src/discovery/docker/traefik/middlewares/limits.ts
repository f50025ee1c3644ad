import { parseDuration } from '../../../../config/duration.ts'
import { InvalidValue } from '../../../../config/error.ts'
import { parseGoDuration, parseSwitch, parseWhole } from '../values.ts'
import { type Effect, filtering, type Settings, UnusableOption } from './effect.ts'
import type { Options } from './options.ts'

const MOST = 999_999_999
const MOST_REQUESTS = 1_000_000

/** In ms, the longest first. */
const periods = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000 } as const

/** An average of 0 is no limit. */
export function rateLimit(options: Options): Effect {
  const average = options.read('average', (text) => parseWhole(text, 0, MOST)) ?? 0
  const by = sourceOf(options, {})
  if (average === 0) return filtering()
  const period = options.read('period', (text) => parseDuration(parseGoDuration(text))) || 1000
  const burst = Math.max(1, options.read('burst', (text) => parseWhole(text, 0, MOST_REQUESTS)) ?? 1)
  const rate = options.required('average', () => rateOf(average, period))
  return filtering({ rateLimit: { rate, ...(burst > 1 && { burst: burst - 1 }), ...by } })
}

export function inFlightReq(options: Options): Effect {
  const limit = options.required('amount', (text) => parseWhole(text, 1, 65_535))
  return filtering({ concurrencyLimit: { limit, ...sourceOf(options, { by: 'header:host' }) } })
}

/** So many requests in a period, in ms, as Limpet writes it: exactly where it can. */
function rateOf(requests: number, period: number): string {
  const each = Object.entries(periods).map(([unit, ms]) => ({ unit, amount: (requests * ms) / period }))
  const exact = each.findLast(({ amount }) => Number.isInteger(amount) && amount <= MOST_REQUESTS)
  const { unit, amount } = exact ?? each.find(({ amount }) => amount <= MOST_REQUESTS) ?? { unit: '', amount: 0 }
  if (amount < 1) throw new InvalidValue('from one request a day to a million a second')
  return `${Math.floor(amount)}/${unit}`
}

/** By what requests are counted. */
function sourceOf(options: Options, usual: Settings): Settings {
  const header = options.read('sourcecriterion.requestheadername', String)
  const isByHost = options.isOn('sourcecriterion.requesthost')
  const ipv6Prefix = options.read('sourcecriterion.ipstrategy.ipv6subnet', (text) => parseWhole(text, 1, 128))
  const isByAddress =
    ipv6Prefix !== undefined ||
    ['', '.depth', '.excludedips'].some((key) => options.label(`sourcecriterion.ipstrategy${key}`) !== undefined)
  if (Number(Boolean(header)) + Number(isByHost) + Number(isByAddress) > 1)
    throw new UnusableOption(options.any, new InvalidValue('one sourcecriterion'))
  options.read('sourcecriterion.ipstrategy', parseSwitch)
  if (header) return { by: `header:${header.toLowerCase()}` }
  if (isByHost) return { by: 'header:host' }
  return isByAddress ? { by: 'client.address', ...(ipv6Prefix !== undefined && { ipv6Prefix }) } : usual
}
