import type { Problem } from '../config/error.ts'
import type { Filter } from '../config/filter.ts'
import { securityHeaders } from '../config/filters/security-headers.ts'
import type { HeaderTemplate } from '../runtime/filter-settings.ts'
import { block, type Directive, directive } from './directive.ts'
import type { Exported, Standing } from './exported-filter.ts'
import { when } from './refusal.ts'
import { nginxText } from './template.ts'

type Changing = Extract<Filter, { type: 'headers' | 'host' | 'path' | 'securityHeaders' }>

/** Headers of answers that nginx writes itself, or keeps apart from the others. */
const OWN = ['content-type', 'content-encoding', 'date', 'etag', 'last-modified', 'location', 'server']

/** `proxy_set_header`, `proxy_hide_header` and `add_header` of a filter. */
export function exportHeadChanges({ filter, word }: Standing<Changing>): Exported {
  switch (filter.type) {
    case 'host':
      return { own: [directive('proxy_set_header', 'Host', filter.host!)] }
    case 'path':
      return {
        own: (filter.strip ?? []).map((prefix) => directive('proxy_set_header', 'X-Forwarded-Prefix', prefix)),
      }
    case 'securityHeaders':
      return defaults(securityHeaders(filter), word)
    case 'headers': {
      const { request, response } = filter
      const absent = defaults(response.default, word)
      return {
        shared: absent.shared ?? [],
        own: [
          ...(request.remove ?? []).map((name) => directive('proxy_set_header', name, '')),
          ...request.set.map(({ name, value }) => directive('proxy_set_header', name, nginxText(value)!)),
          ...[...(response.remove ?? []), ...response.set.map(({ name }) => name)].map((name) =>
            directive('proxy_hide_header', name),
          ),
          ...[...response.set, ...response.add].map(({ name, value }) => adding(name, nginxText(value)!)),
          ...absent.own,
        ],
      }
    }
  }
}

function adding(name: string, value: string): Directive {
  return directive('add_header', name, value, 'always')
}

/** nginx adds no header whose value is empty. */
function defaults(headers: readonly HeaderTemplate[], word: string): Exported {
  const variableOf = (name: string) => `$limpet_absent_${word}_${underscored(name)}`
  return {
    shared: headers.map(({ name, value }) =>
      block(
        'map',
        [`$upstream_http_${underscored(name)}`, variableOf(name)],
        [directive('default', ''), directive('', nginxText(value)!)],
      ),
    ),
    own: headers.map(({ name }) => adding(name, variableOf(name))),
  }
}

function underscored(name: string): string {
  return name.toLowerCase().replaceAll('-', '_')
}

/** What of such a filter nginx cannot express. */
export function inexpressibleHeadChanges({ filter, path }: Standing<Changing>): Problem[] {
  switch (filter.type) {
    case 'path':
      return []
    case 'host':
      return when(
        filter.host === undefined,
        `${path}.host`,
        "nginx's upstreams know no host of a server",
        'name a host',
      )
    case 'securityHeaders':
      return when(
        securityHeaders(filter).some(({ value }) => nginxText(value) === undefined),
        `${path}.securityHeaders`,
        'nginx has no $ in a text',
        'leave it out',
      )
    case 'headers': {
      const { request, response } = filter
      const values = [request.set, response.set, response.add, response.default].flat()
      return [
        ...when(
          values.some(({ value }) => nginxText(value) === undefined),
          `${path}.headers`,
          'nginx has no such variable, no $ in a text, and no empty headers',
          'use client.address, request.id, request.host and the like',
        ),
        ...when(
          request.add.length + request.default.length > 0,
          `${path}.headers.request`,
          'nginx can set and remove headers of requests, not add any',
          'use set',
        ),
        ...when(
          responseNames(filter).some((name) => OWN.includes(name) || !/^[a-z0-9-]+$/.test(name)),
          `${path}.headers.response`,
          'nginx writes some headers of answers itself',
          `leave out ${OWN.join(', ')}, and names with other characters than letters, digits and -`,
        ),
      ]
    }
  }
}

/** Whether it tells of the request what another filter of the route may change, which nginx takes from the client. */
export function tellsOfRequest({ filter }: Standing): boolean {
  if (filter.type !== 'headers') return false
  const { request, response } = filter
  return [request.set, response.set, response.add, response.default]
    .flat()
    .some(({ value }) => value.some((part) => typeof part !== 'string' && changeable.includes(part.from)))
}

const changeable = ['header', 'request.host', 'request.query', 'request.target']

/** What no two filters of a route may change: nginx has no order of them. */
export function changedNames({ filter }: Standing): string[] {
  if (filter.type === 'securityHeaders')
    return securityHeaders(filter).map(({ name }) => `response ${name.toLowerCase()}`)
  if (filter.type !== 'headers') return []
  const { remove = [], set } = filter.request
  return [
    ...[...remove, ...set.map(({ name }) => name)].map((name) => `request ${name.toLowerCase()}`),
    ...responseNames(filter).map((name) => `response ${name}`),
  ]
}

function responseNames({ response }: Extract<Filter, { type: 'headers' }>): string[] {
  const { remove = [], set, add } = response
  return [...remove, ...[...set, ...add, ...response.default].map(({ name }) => name)].map((name) => name.toLowerCase())
}
