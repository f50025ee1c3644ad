import { createHash } from 'node:crypto'
import type { Sighting } from './sightings.ts'

/** A list as it is handed on, and its tag. */
export interface ServedList {
  readonly body: Buffer
  /** As in the header ETag. */
  readonly tag: string
}

/**
 * The servers of each upstream as a list that `from: file` and `from: http` read. An upstream has none before each of its sources has
 * answered for the first time: a list without the servers of one would be taken for whole.
 */
export function serverLists(sightings: readonly Sighting[]): ReadonlyMap<string, ServedList> {
  const names = new Set(
    sightings.flatMap(({ upstream, servers }) => upstream ?? servers.map((server) => server.upstream)),
  )
  const lists = [...names].flatMap((name): [string, ServedList][] => {
    const concerned = sightings.filter(({ upstream }) => upstream === null || upstream === name)
    if (concerned.some(({ hasAnswered }) => !hasAnswered)) return []
    return [[name, listOf(name, concerned)]]
  })
  return new Map(lists)
}

function listOf(name: string, sightings: readonly Sighting[]): ServedList {
  const servers = sightings
    .flatMap(({ servers }) => servers)
    .filter(({ upstream }) => upstream === name)
    .map(({ id, name, address, state, settings }) => ({ id, name, address, ...settings, state }))
  const lines = servers.map((server) => `  ${JSON.stringify(server)}`).join(',\n')
  const body = Buffer.from(`{ "servers": [\n${lines}\n] }\n`)
  return { body, tag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` }
}
