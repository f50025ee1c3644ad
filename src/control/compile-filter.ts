import type { Filter } from '../config/filter.ts'
import { acceptedAlgorithms, keySetUrl } from '../config/filters/jwt.ts'
import type { FilterSettings, HeaderTemplate, JwtSettings } from '../runtime/filter-settings.ts'
import { asBytes } from './compile-affinity.ts'

/** The settings of a filter as workers need them. */
export function compileFilter(filter: Filter): FilterSettings {
  switch (filter.type) {
    case 'respond':
      return { ...filter, headers: withContentType(filter.headers), body: Buffer.from(filter.body) }
    case 'redirect':
      return { type: filter.type, status: filter.status, location: filter.to }
    case 'jwt':
      return compileJwt(filter)
    case 'errorPages':
      return {
        type: filter.type,
        pages: filter.pages.map(({ status, contentType, body }) => ({
          ...status,
          contentType,
          body: Buffer.from(body),
        })),
      }
    case 'path':
      return {
        ...filter,
        ...(filter.strip !== undefined && { strip: asBytes(filter.strip) }),
        ...(filter.add !== undefined && { add: asBytes(filter.add) }),
      }
    case 'securityHeaders':
      return { type: 'headers', request: NO_CHANGES, response: { ...NO_CHANGES, default: securityHeaders(filter) } }
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

const NO_CHANGES = { set: [], add: [], default: [] }

const frameOptions = { none: 'DENY', 'same-origin': 'SAMEORIGIN', any: undefined } as const

function securityHeaders(filter: Extract<Filter, { type: 'securityHeaders' }>): HeaderTemplate[] {
  const headers: Readonly<Record<string, string | undefined>> = {
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': frameOptions[filter.frames],
    'Referrer-Policy': filter.referrer,
    'Content-Security-Policy': filter.contentSecurityPolicy,
    'Permissions-Policy': filter.permissionsPolicy,
  }
  return Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value: [value] }]))
}

function withContentType(headers: readonly HeaderTemplate[]): readonly HeaderTemplate[] {
  if (headers.some(({ name }) => name.toLowerCase() === 'content-type')) return headers
  return [{ name: 'Content-Type', value: ['text/plain; charset=utf-8'] }, ...headers]
}
