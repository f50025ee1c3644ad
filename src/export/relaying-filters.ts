import type { Problem } from '../config/error.ts'
import type { Filter } from '../config/filter.ts'
import { type Directive, directive } from './directive.ts'
import type { Standing } from './exported-filter.ts'
import { when } from './refusal.ts'

type Relaying = Extract<Filter, { type: 'answers' | 'bufferResponse' | 'path' | 'tryNext' }>

const BUFFER = 65_536
const PLAIN = /^[A-Za-z0-9/._-]*$/

/** Filters that are directives of locations which pass requests on. */
export function exportRelaying({ filter }: Standing<Relaying>): Directive[] {
  switch (filter.type) {
    case 'answers':
      return [
        ...longestFirst(filter.location).map(([from, to]) => directive('proxy_redirect', from, to)),
        ...longestFirst(filter.cookiePath).map(([from, to]) => directive('proxy_cookie_path', from, to)),
        ...filter.cookieDomain.map(([from, to]) => directive('proxy_cookie_domain', from, to)),
      ]
    case 'bufferResponse':
      return [
        directive('proxy_buffering', 'on'),
        directive('proxy_buffers', Math.max(4, Math.ceil(filter.memory / BUFFER)), '64k'),
        directive('proxy_max_temp_file_size', filter.disk),
      ]
    case 'path':
      return filter.add === undefined
        ? stripping(filter.strip![0]!)
        : [directive('rewrite', '(?s)^(.*)$', `${filter.add}$1`, 'break')]
    case 'tryNext':
      return [
        directive('proxy_next_upstream', 'error', 'timeout', ...filter.statuses.map((status) => `http_${status}`)),
      ]
  }
}

function stripping(prefix: string): Directive[] {
  return [directive('rewrite', `(?s)^${prefix.replaceAll('.', '\\.')}(?:/(.*))?$`, '/$1', 'break')]
}

/** What of such a filter nginx cannot express. */
export function inexpressibleRelaying({ filter, path }: Standing<Relaying>, paths: readonly string[]): Problem[] {
  switch (filter.type) {
    case 'answers':
      return [
        ...when(
          [...filter.location, ...filter.cookiePath].flat().some((text) => text.includes('$') || /^~|^$/.test(text)),
          `${path}.answers`,
          'nginx reads $ as a variable and ~ as a regular expression, and knows no empty texts',
          'leave these out',
        ),
        ...when(
          filter.cookieDomain.some(([, to]) => to === ''),
          `${path}.answers.cookieDomain`,
          'nginx cannot take away the domain of a cookie',
          'name a domain',
        ),
      ]
    case 'bufferResponse':
      return when(
        filter.disk > 0 && filter.disk < 2 * BUFFER,
        `${path}.bufferResponse.disk`,
        'nginx writes files in pieces of 128 kB',
        'write 0B, or more',
      )
    case 'path':
      return inexpressiblePath(filter, path, paths)
    case 'tryNext':
      return []
  }
}

function inexpressiblePath({ strip, add }: Extract<Filter, { type: 'path' }>, path: string, paths: readonly string[]) {
  const prefix = strip?.[0] ?? add
  return [
    ...when(
      strip !== undefined && strip.length > 1,
      `${path}.path.strip`,
      'nginx sends X-Forwarded-Prefix with every request of a location',
      'give each prefix a route of its own',
    ),
    ...when(
      prefix === undefined,
      `${path}.path`,
      'the export writes no set and no pattern of paths',
      'use strip or add, or write rewrite by hand',
    ),
    ...when(
      prefix !== undefined && !PLAIN.test(prefix),
      `${path}.path`,
      'the export writes prefixes of letters, digits, ., _ and - only',
      'use these, or write rewrite by hand',
    ),
    ...when(
      strip?.length === 1 && !paths.every((each) => each === prefix || each.startsWith(`${prefix}/`)),
      `${path}.path.strip`,
      'nginx sends X-Forwarded-Prefix with every request of a location',
      `give the route paths that begin with ${prefix}`,
    ),
  ]
}

/** Of nginx's, the first that matches counts. */
function longestFirst(replacements: readonly (readonly [string, string])[]) {
  return [...replacements].sort(([one], [other]) => other.length - one.length)
}
