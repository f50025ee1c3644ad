import { parse } from 'yaml'
import { InvalidValue, shown } from '../../../config/error.ts'
import { parseRouteHost } from '../../../config/host.ts'
import { parsePath } from '../../../config/path.ts'
import type { Container } from '../container.ts'
import type { Label, LabelMistakes } from '../label-mistakes.ts'

/** One host and one path that a container serves. */
export interface VirtualHost {
  /** One host, or the two that `.example.org` stands for. */
  readonly hosts: readonly string[]
  /** As routes have them. */
  readonly paths: readonly string[]
  readonly port: number
  /** What changes the path on its way to the server. */
  readonly filters: readonly Readonly<Record<string, unknown>>[]
  /** Where it is written. */
  readonly label: Label
}

const LONGEST_TABLE = 65_536
const MOST_HOSTS = 1000

/** What the container serves; what cannot be used is left out and reported. */
export function virtualHostsOf(container: Container, mistakes: LabelMistakes): VirtualHost[] {
  const table = variable(container, 'VIRTUAL_HOST_MULTIPORTS')
  if (table !== undefined) return inTable(table, mistakes)
  const hosts = variable(container, 'VIRTUAL_HOST')
  if (hosts === undefined) return []
  const path = variable(container, 'VIRTUAL_PATH')
  const port = variable(container, 'VIRTUAL_PORT')
  const target = variable(container, 'VIRTUAL_DEST')
  const paths = path === undefined ? ['/*'] : mistakes.attempt(path, parseVirtualPath)
  const found = port === undefined ? defaultPort(container) : mistakes.attempt(port, parsePort)
  const filters = filtersTo(target, path?.value.trim() ?? '/', mistakes)
  if (paths === undefined || found === undefined || filters === undefined) return []
  return hosts.value
    .split(',')
    .filter((host) => host.trim() !== '')
    .slice(0, MOST_HOSTS)
    .flatMap((host) => {
      const names = mistakes.attempt({ ...hosts, value: host.trim() }, parseVirtualHost)
      return names === undefined ? [] : [{ hosts: names, paths, port: found, filters, label: hosts }]
    })
}

/** The variable, unless it is missing or empty. */
export function variable(container: Container, name: string): Label | undefined {
  const value = container.environment[name]
  return value === undefined || value.trim() === '' ? undefined : { container, label: name, value }
}

function inTable(table: Label, mistakes: LabelMistakes): VirtualHost[] {
  const hosts = mistakes.attempt(table, parseTable) ?? []
  return hosts.flatMap(([host, ofHost]) =>
    entriesOf(ofHost, table, mistakes).flatMap(([path, ofPath]) => {
      const settings = new Map(entriesOf(ofPath, table, mistakes))
      const port = settings.get('port')
      const target = settings.get('dest')
      const at = (value: unknown): Label => ({ ...table, value: String(value ?? '') })
      const names = mistakes.attempt(at(host), parseVirtualHost)
      const paths = mistakes.attempt(at(path), parseVirtualPath)
      const found = port === undefined ? defaultPort(table.container) : mistakes.attempt(at(port), parsePort)
      if (names === undefined || paths === undefined || found === undefined) return []
      const filters = filtersTo(target === undefined ? undefined : at(target), path, mistakes)
      return filters === undefined ? [] : [{ hosts: names, paths, port: found, filters, label: table }]
    }),
  )
}

function parseTable(text: string): [string, unknown][] {
  if (text.length > LONGEST_TABLE) throw new InvalidValue(`at most ${LONGEST_TABLE} characters`)
  let table: unknown
  try {
    table = parse(text, { maxAliasCount: 0 })
  } catch (error) {
    throw new InvalidValue('a mapping from hosts to paths', (error as Error).message.split('\n')[0])
  }
  if (typeof table !== 'object' || table === null || Array.isArray(table))
    throw new InvalidValue('a mapping from hosts to paths')
  return Object.entries(table).slice(0, MOST_HOSTS)
}

/** The entries of a mapping, which may be missing: then all defaults hold. */
function entriesOf(value: unknown, table: Label, mistakes: LabelMistakes): [string, unknown][] {
  if (value === null || value === undefined) return [['/', undefined]]
  if (typeof value === 'object' && !Array.isArray(value)) {
    const entries = Object.entries(value)
    return entries.length === 0 ? [['/', undefined]] : entries
  }
  mistakes.refuse({ ...table, value: String(value) }, new InvalidValue('a mapping'))
  return []
}

function parseVirtualHost(host: string): string[] {
  if (host.startsWith('.')) return [parseRouteHost(host.slice(1)), parseRouteHost(`*${host}`)]
  return [parseRouteHost(host)]
}

/** A location of nginx: `/app` and everything below it, `= /app`, or `~ ^/app`, a regular expression. */
function parseVirtualPath(text: string): string[] {
  if (isExpression(text)) return [parsePath(text)]
  const path = parsePath(exactPath(text) ?? text)
  if (path.includes('*')) throw new InvalidValue('a path without *', 'everything below the path is served, too')
  if (exactPath(text) !== undefined) return [path]
  return path.endsWith('/') ? [`${path}*`] : [path, `${path}/*`]
}

function isExpression(path: string): boolean {
  return path.startsWith('~')
}

/** Of `= /app`. */
function exactPath(text: string): string | undefined {
  return /^=\s*(\/.*)$/.exec(text)?.[1]
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) throw new InvalidValue('a port from 1 to 65535')
  return port
}

function defaultPort({ ports }: Container): number {
  return ports.length === 1 ? ports[0]! : 80
}

/**
 * What puts another path in the place of the one that is served, as `proxy_pass` with a path does; a slash at the end does not count.
 * Undefined where that cannot be done: clients would reach more of the server.
 */
function filtersTo(
  target: Label | undefined,
  path: string,
  mistakes: LabelMistakes,
): VirtualHost['filters'] | undefined {
  const to = target?.value.trim() ?? ''
  if (target === undefined || to === '' || to === path) return []
  if (isExpression(path)) {
    mistakes.add(
      target,
      `${shown(to)} in place of ${path} is not supported: the route is not served, because clients would reach more of the server`,
      'write a path that is no regular expression',
    )
    return undefined
  }
  return mistakes.attempt(target, () => {
    const exact = exactPath(path)
    const parsed = parseDestination(to)
    if (exact !== undefined) return [{ path: { set: parsed } }]
    const [strip, add] = [path, parsed].map((each) => each.replace(/\/+$/, ''))
    return [...(strip === '' ? [] : [{ path: { strip } }]), ...(add === '' ? [] : [{ path: { add } }])]
  })
}

function parseDestination(text: string): string {
  if (/^\/[^?#*$\s]*$/.test(text)) return text
  throw new InvalidValue('a path such as / or /app', 'the route is not served: clients would reach more of the server')
}
