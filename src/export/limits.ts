import type { Problem } from '../config/error.ts'
import type { Filter } from '../config/filter.ts'
import { directive } from './directive.ts'
import type { Exported, Standing } from './exported-filter.ts'
import { when } from './refusal.ts'

/** Of a zone of shared memory: some 160,000 addresses. */
const ZONE = '10m'

type RateLimit = Extract<Filter, { type: 'rateLimit' }>
type ConcurrencyLimit = Extract<Filter, { type: 'concurrencyLimit' }>
type Limit = RateLimit | ConcurrencyLimit

/** `limit_req`, which lets through what `rateLimit` does. */
export function exportRateLimit(standing: Standing<RateLimit>): Exported {
  const { rate, burst, status, dryRun } = standing.filter
  const zone = zoneOf('rate', standing)
  return {
    shared: [directive('limit_req_zone', keyOf(standing), `zone=${zone}:${ZONE}`, `rate=${paceOf(rate)}`)],
    own: [
      directive('limit_req', `zone=${zone}`, ...(burst === 0 ? [] : [`burst=${burst}`, 'nodelay'])),
      directive('limit_req_status', status),
      ...(dryRun ? [directive('limit_req_dry_run', 'on')] : []),
    ],
  }
}

export function exportConcurrencyLimit(standing: Standing<ConcurrencyLimit>): Exported {
  const { limit, status, dryRun } = standing.filter
  const zone = zoneOf('concurrency', standing)
  return {
    shared: [directive('limit_conn_zone', keyOf(standing), `zone=${zone}:${ZONE}`)],
    own: [
      directive('limit_conn', zone, limit),
      directive('limit_conn_status', status),
      ...(dryRun ? [directive('limit_conn_dry_run', 'on')] : []),
    ],
  }
}

/** What of a limit nginx cannot express. */
export function inexpressibleLimit({ filter, path }: Standing<Limit>): Problem[] {
  const { type, by, ipv6Prefix } = filter
  const odd = by.find((part) => part.from !== 'client.address' && part.from !== 'route' && !isPlainHeader(part))
  return [
    ...when(
      odd !== undefined,
      `${path}.${type}.by`,
      'the export knows limits by client.address, headers of letters, digits and -, and route',
      'count by one of these',
    ),
    ...when(
      by.some(({ from }) => from === 'client.address') && ipv6Prefix !== 128,
      `${path}.${type}.ipv6Prefix`,
      'nginx counts whole addresses of IPv6',
      'write 128',
    ),
    ...(filter.type === 'rateLimit' ? inexpressibleRate(filter, path) : []),
  ]
}

function inexpressibleRate({ rate, headers }: RateLimit, path: string): Problem[] {
  return [
    ...when(
      paceOf(rate) === undefined,
      `${path}.rateLimit.rate`,
      'nginx counts whole requests in a second or a minute',
      'write such a rate',
    ),
    ...when(
      headers === 'all',
      `${path}.rateLimit.headers`,
      'nginx does not say how many more requests may come',
      'leave it out',
    ),
  ]
}

function isPlainHeader(part: Limit['by'][number]): boolean {
  return part.from === 'header' && /^[a-z0-9-]+$/.test(part.name)
}

/** As nginx writes it; undefined if it cannot. */
function paceOf({ requests, period }: { readonly requests: number; readonly period: number }): string | undefined {
  if (period === 1000) return `${requests}r/s`
  const perMinute = (requests * 60_000) / period
  return Number.isInteger(perMinute) ? `${perMinute}r/m` : undefined
}

/** What requests are counted by. nginx does not limit requests whose key is empty. */
function keyOf({ filter: { by, missing } }: Standing<Limit>): string {
  const parts = by.flatMap((part) => {
    if (part.from === 'client.address') return ['$binary_remote_addr']
    return part.from === 'header' ? [`$http_${part.name.replaceAll('-', '_')}`] : []
  })
  const passes = missing === 'pass' && parts.length === 1
  return passes ? parts[0]! : `limpet:${parts.join(':')}`
}

function zoneOf(kind: string, { filter: { name }, word }: Standing<Limit>): string {
  return name === undefined ? `limpet_${kind}_${word}` : `limpet_${kind}_by_name_${name}`
}
