import type { Filter } from '../config/filter.ts'
import type { AddressRule } from '../config/filters/address-rules.ts'
import { acceptedAlgorithms, keySetUrl } from '../config/filters/jwt.ts'
import { formatRequestRate } from '../config/filters/request-rate.ts'
import { securityHeaders } from '../config/filters/security-headers.ts'
import { usersIn } from '../credentials/password-file.ts'
import type { AddressRange } from '../runtime/address-range.ts'
import type {
  AddressSet,
  FilterSettings,
  HeaderTemplate,
  JwtSettings,
  MaintenancePageSettings,
} from '../runtime/filter-settings.ts'
import { asBytes } from './compile-affinity.ts'
import { bodyOf, compilePage, contentTypeOf } from './compile-page.ts'
import { compileSplit } from './compile-split.ts'
import type { Surroundings } from './filter-surroundings.ts'

/**
 * The settings of a filter as workers need them; undefined for one that is no part of the way of requests: for the log (compile-log.ts),
 * or switched off.
 *
 * @param place where it stands, in words that stay the same while others change
 */
export function compileFilter(filter: Filter, place: string, surroundings: Surroundings): FilterSettings | undefined {
  switch (filter.type) {
    case 'log':
      return undefined
    case 'mirror': {
      const { to, ...settings } = filter
      return { ...settings, place, upstream: surroundings.upstreams.get(to) ?? -1 }
    }
    case 'split':
      return compileSplit(filter, surroundings)
    case 'respond':
      return {
        type: filter.type,
        status: filter.status,
        headers: withContentType(filter.headers, contentTypeOf(filter.file) ?? 'text/plain; charset=utf-8'),
        body: bodyOf(filter),
      }
    case 'redirect': {
      const { to: location, ...settings } = filter
      return { ...settings, location }
    }
    case 'basicAuth': {
      const { file, users = [], ...settings } = filter
      return { ...settings, users: file ?? { name: 'users', users: usersIn(users) } }
    }
    case 'jwt':
      return compileJwt(filter)
    case 'errorPages':
      return {
        type: filter.type,
        pages: filter.pages.map((page) => ({ ...page.status, ...compilePage(page) })),
      }
    case 'maintenancePage':
      return compileMaintenancePage(filter)
    case 'path':
      return {
        ...filter,
        ...(filter.strip !== undefined && { strip: filter.strip.map(asBytes) }),
        ...(filter.add !== undefined && { add: asBytes(filter.add) }),
      }
    case 'securityHeaders':
      return {
        type: 'headers',
        name: filter.type,
        request: NO_CHANGES,
        response: { ...NO_CHANGES, default: securityHeaders(filter) },
      }
    case 'rateLimit': {
      const { type, rate, burst, headers, name = formatRequestRate(rate) } = filter
      return { type, ...compileLimit(filter, place), ...rate, burst, headers, policy: name }
    }
    case 'concurrencyLimit':
      return { type: filter.type, ...compileLimit(filter, place), limit: filter.limit }
    case 'allow':
    case 'deny': {
      const { type, from, except, status } = filter
      return { type, from: addressSet(from), except: addressSet(except), status }
    }
    default:
      return filter
  }
}

function compileJwt(filter: Extract<Filter, { type: 'jwt' }>): JwtSettings {
  const {
    type,
    keys,
    secretFile,
    issuer = [],
    audience = [],
    clockSkew,
    require,
    from,
    headers,
    realm,
    forward,
  } = filter
  return {
    type,
    keys: keys ?? secretFile ?? '',
    areKeysFetched: keySetUrl(filter) !== undefined,
    algorithms: acceptedAlgorithms(filter),
    issuers: issuer,
    audiences: audience,
    clockSkew,
    require: Object.entries(require).map(([claim, values]) => ({ claim, values: values.includes('*') ? [] : values })),
    from,
    headers: Object.entries(headers).map(([name, claim]) => ({ name, claim })),
    realm,
    forward,
  }
}

/** Undefined if it is never shown. */
function compileMaintenancePage(
  filter: Extract<Filter, { type: 'maintenancePage' }>,
): MaintenancePageSettings | undefined {
  const { type, when, except, bypass = [], retryAfter, body, file } = filter
  if (when === 'never') return undefined
  return {
    type,
    ...(when !== 'always' && { switch: when.file }),
    except: addressSet(except),
    bypass,
    retryAfter: Math.ceil(retryAfter / 1000),
    ...((body !== undefined || file !== undefined) && { page: compilePage(filter) }),
  }
}

const NO_CHANGES = { set: [], add: [], default: [] }

/** Whether what a filter does depends on the route that it belongs to, although it stands elsewhere. */
export function isPerRoute(filter: Filter): boolean {
  if (filter.type === 'split') return true
  return 'by' in filter && filter.by.some(({ from }) => from === 'route')
}

type Limit = Extract<Filter, { type: 'rateLimit' | 'concurrencyLimit' }>

function compileLimit({ type, name, by, ipv6Prefix, missing, status, dryRun }: Limit, place: string) {
  return {
    name: `${type} ${name === undefined ? place : JSON.stringify(name)}`,
    by: by.filter((part) => part.from !== 'route'),
    ipv6Prefix,
    limitsMissing: missing === 'share',
    status,
    dryRun,
  }
}

/** The set of all addresses of both families. */
const EVERYBODY: readonly AddressRange[] = [4, 16].map((width) => ({ octets: new Uint8Array(width), prefix: 0 }))

function addressSet(rules: readonly AddressRule[]): AddressSet {
  const ranges = rules.flatMap((rule) => (rule === 'all' ? EVERYBODY : rule === 'unix:' ? [] : rule))
  return { ranges, ...(rules.some((rule) => typeof rule === 'string') && { unix: true }) }
}

function withContentType(headers: readonly HeaderTemplate[], type: string): readonly HeaderTemplate[] {
  if (headers.some(({ name }) => name.toLowerCase() === 'content-type')) return headers
  return [{ name: 'Content-Type', value: [type] }, ...headers]
}
