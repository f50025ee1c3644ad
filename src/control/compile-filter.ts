import type { Filter } from '../config/filter.ts'
import type { FilterSettings, HeaderTemplate } from '../runtime/filter-settings.ts'
import { asBytes } from './compile-affinity.ts'

/** The settings of a filter as workers need them. */
export function compileFilter(filter: Filter): FilterSettings {
  switch (filter.type) {
    case 'respond':
      return { ...filter, headers: withContentType(filter.headers), body: Buffer.from(filter.body) }
    case 'redirect':
      return { type: filter.type, status: filter.status, location: filter.to }
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
