import { asList, asMapping } from '../../config/as-written.ts'
import { printable } from '../../runtime/printable.ts'
import { formatTable } from '../table.ts'
import type { SightedServer, Sighting } from './sightings.ts'

/** What the sources see, as tables; then what is wrong. */
export function inWords(sightings: readonly Sighting[]): string {
  const lines = [...sources(sightings), ...servers(sightings), ...routes(sightings), ...troubles(sightings)]
  return lines.join('\n\n')
}

function sources(sightings: readonly Sighting[]): string[] {
  if (sightings.length === 0)
    return ['the configuration has no sources: no upstream has servers with from, and there is no discovery']
  const rows = sightings.map(({ upstream, name, state, servers }) => [
    name,
    upstream ?? '(labels)',
    state,
    String(servers.length),
  ])
  return [formatTable(['SOURCE', 'UPSTREAM', 'STATE', 'SERVERS'], rows, ['SOURCE', 'UPSTREAM', 'STATE'])]
}

function servers(sightings: readonly Sighting[]): string[] {
  const rows = sightings.flatMap(({ source, servers }) => servers.map((server) => rowOf(server, source)))
  const heading = ['UPSTREAM', 'SERVER', 'ID', 'ADDRESS', 'STATE', 'SOURCE', 'SETTINGS']
  return rows.length === 0 ? [] : [formatTable(heading, rows, heading)]
}

function rowOf({ upstream, name, id, address, state = 'ready', settings }: SightedServer, source: string): string[] {
  const said = Object.entries(settings).map(([key, value]) => `${key} ${shown(value)}`)
  return [upstream, name, id, address, state, source, said.join(', ')]
}

function routes(sightings: readonly Sighting[]): string[] {
  const rows = sightings.flatMap(({ routes }) =>
    routes.map(({ upstream, settings: { filters, ...settings }, where }) => [
      shown(settings),
      upstream,
      filterNames(filters),
      printable(where),
    ]),
  )
  const heading = ['ROUTE', 'UPSTREAM', 'FILTERS', 'FOUND AT']
  return rows.length === 0 ? [] : [formatTable(heading, rows, heading)]
}

/** In their order; --json has their settings. */
function filterNames(filters: unknown): string {
  const names = asList(filters).map((filter) =>
    typeof filter === 'string' ? filter : Object.keys(asMapping(filter))[0],
  )
  return names.length === 0 ? '-' : printable(names.join(', '))
}

function troubles(sightings: readonly Sighting[]): string[] {
  const lines = sightings.flatMap(({ name, error, mistakes }) => [
    ...(error === null ? [] : [`  ! ${name} fails: ${error}`]),
    ...mistakes.map(({ where, message, hint }) => `  ! ${where}: ${message}${hint === undefined ? '' : ` (${hint})`}`),
  ])
  return lines.length === 0 ? [] : [lines.map(printable).join('\n')]
}

function shown(value: unknown): string {
  return printable(typeof value === 'string' ? value : JSON.stringify(value))
}
