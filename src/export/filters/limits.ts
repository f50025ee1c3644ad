import type { Problem } from '../../config/error.ts'
import { directive } from '../directive.ts'
import { when } from '../refusal.ts'
import { type Exported, type FilterExport, isOf, type Of, type Standing } from './filter-export.ts'
import { isPlainName, underscored } from './response-header.ts'

/** Of a zone of shared memory: some 160,000 addresses. */
const ZONE = '10m'

type RateLimit = Of<'rateLimit'>
type ConcurrencyLimit = Of<'concurrencyLimit'>
type Limit = RateLimit | ConcurrencyLimit

/** `limit_req`, which lets through what `rateLimit` does. */
export const rateLimit: FilterExport<RateLimit> = {
  directives: (standing) => {
    const { rate, burst, status, dryRun } = standing.filter
    const zone = zoneOf('rate', standing)
    return {
      shared: [directive('limit_req_zone', keyOf(standing), `zone=${zone}:${ZONE}`, `rate=${paceOf(rate)}`)],
      gates: [
        directive('limit_req', `zone=${zone}`, ...(burst === 0 ? [] : [`burst=${burst}`, 'nodelay'])),
        directive('limit_req_status', status),
        ...(dryRun ? [directive('limit_req_dry_run', 'on')] : []),
      ],
    }
  },
  problems: (standing) => [...inexpressibleLimit(standing), ...inexpressibleRate(standing)],
}

export const concurrencyLimit: FilterExport<ConcurrencyLimit> = {
  directives: (standing): Exported => {
    const { limit, status, dryRun } = standing.filter
    const zone = zoneOf('concurrency', standing)
    return {
      shared: [directive('limit_conn_zone', keyOf(standing), `zone=${zone}:${ZONE}`)],
      gates: [
        directive('limit_conn', zone, limit),
        directive('limit_conn_status', status),
        ...(dryRun ? [directive('limit_conn_dry_run', 'on')] : []),
      ],
    }
  },
  problems: inexpressibleLimit,
}

function inexpressibleLimit({ filter, path, siblings, changedBefore }: Standing<Limit>): Problem[] {
  const { type, by, ipv6Prefix, status, dryRun } = filter
  const first = siblings.find((each) => isOf(each, type))!.filter as Limit
  const odd = by.find((part) => part.from !== 'client.address' && part.from !== 'route' && !isPlainHeader(part))
  return [
    ...when(
      odd !== undefined,
      `${path}.by`,
      'the export knows limits by client.address, headers of letters, digits and -, and route',
      'count by one of these',
    ),
    ...when(
      by.some((part) => part.from === 'header' && changedBefore.includes(`request ${part.name}`)),
      `${path}.by`,
      'nginx counts by what the client has sent',
      'put it before the filter that changes this header',
    ),
    ...when(
      by.some(({ from }) => from === 'client.address') && ipv6Prefix !== 128,
      `${path}.ipv6Prefix`,
      'nginx counts whole addresses of IPv6',
      'write 128',
    ),
    ...when(
      status !== first.status || dryRun !== first.dryRun,
      path,
      `nginx has one status and one dryRun for all filters ${type} of a route`,
      'give them the same',
    ),
  ]
}

function inexpressibleRate({ filter: { rate, headers }, path }: Standing<RateLimit>): Problem[] {
  return [
    ...when(
      paceOf(rate) === undefined,
      `${path}.rate`,
      'nginx counts whole requests in a second or a minute',
      'write such a rate',
    ),
    ...when(headers === 'all', `${path}.headers`, 'nginx does not say how many more requests may come', 'leave it out'),
  ]
}

function isPlainHeader(part: Limit['by'][number]): boolean {
  return part.from === 'header' && isPlainName(part.name)
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
    return part.from === 'header' ? [`$http_${underscored(part.name)}`] : []
  })
  const passes = missing === 'pass' && parts.length === 1
  return passes ? parts[0]! : `limpet:${parts.join(':')}`
}

function zoneOf(kind: string, { filter: { name }, word }: Standing<Limit>): string {
  return name === undefined ? `limpet_${kind}_${word}` : `limpet_${kind}_by_name_${name}`
}
