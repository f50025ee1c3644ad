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
  if (paths === undefined || found === undefined || !isReachable(path?.value.trim() ?? '/', target, mistakes)) return []
  return hosts.value
    .split(',')
    .filter((host) => host.trim() !== '')
    .slice(0, MOST_HOSTS)
    .flatMap((host) => {
      const names = mistakes.attempt({ ...hosts, value: host.trim() }, parseVirtualHost)
      return names === undefined ? [] : [{ hosts: names, paths, port: found, label: hosts }]
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
      if (!isReachable(path, target === undefined ? undefined : at(target), mistakes)) return []
      return [{ hosts: names, paths, port: found, label: table }]
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
  if (host.startsWith('~'))
    throw new InvalidValue('a host, not a regular expression', 'write the hosts, or *.example.org')
  if (host.endsWith('.*')) throw new InvalidValue('a host without a star at its end', 'write the hosts, between commas')
  if (host.startsWith('.')) return [parseRouteHost(host.slice(1)), parseRouteHost(`*${host}`)]
  return [parseRouteHost(host)]
}

/** A location of nginx: `/app` and everything below it, or `= /app`. */
function parseVirtualPath(text: string): string[] {
  if (text.startsWith('~')) throw new InvalidValue('a path, not a regular expression', 'write one path, such as /app')
  const [, exact] = /^=\s*(\/.*)$/.exec(text) ?? []
  const path = parsePath(exact ?? text)
  if (path.includes('*')) throw new InvalidValue('a path without *', 'everything below the path is served, too')
  if (exact !== undefined) return [path]
  return path.endsWith('/') ? [`${path}*`] : [path, `${path}/*`]
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) throw new InvalidValue('a port from 1 to 65535')
  return port
}

function defaultPort({ ports }: Container): number {
  return ports.length === 1 ? ports[0]! : 80
}

/** Whether the server may be asked for the path of the request, although nginx-proxy would ask it for another one. */
function isReachable(path: string, target: Label | undefined, mistakes: LabelMistakes): boolean {
  const to = target?.value.trim() ?? ''
  if (target === undefined || to === '' || to === path) return true
  const isStripped = to === '/'
  const consequence = isStripped
    ? 'the server gets the path of the request'
    : 'the route is not served, because clients would reach more of the server'
  mistakes.add(
    target,
    `${shown(to)} in place of ${path} is not supported yet: ${consequence}`,
    `let the server serve ${path}`,
  )
  return isStripped
}
