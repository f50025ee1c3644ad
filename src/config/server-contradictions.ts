import { MAX_SERVERS, MAX_UPSTREAMS } from '../runtime/bounds.ts'
import { asList, asMapping } from './as-written.ts'
import { shown } from './error.ts'
import type { KeyPath } from './key-path.ts'
import { Server } from './server.ts'
import { Source } from './source.ts'
import { repeats, type Valid, validOf } from './valid-part.ts'
import type { Issue } from './validate.ts'

/** What contradicts itself among the servers of all upstreams. */
export function serverContradictions(upstreams: Readonly<Record<string, unknown>>): Issue[] {
  const groups = Object.entries(upstreams).map(([name, upstream]) => serversOf(name, upstream))
  return [
    ...groups.flatMap(repeatedNames),
    ...groups.flatMap(repeatedIds),
    ...groups.flatMap(repeatedSources),
    ...groups.flatMap(onlyBackups),
    ...groups.flatMap(portsOfSockets),
    ...tooManyUpstreams(groups),
    ...tooManyServers(groups),
  ]
}

interface ServerGroup {
  readonly path: KeyPath
  /** The value of `health.check.port`. */
  readonly checkPort: unknown
  /** The number of entries in the file, valid or not: servers and sources. */
  readonly written: number
  readonly servers: readonly Valid<Server>[]
  readonly sources: readonly Valid<Source>[]
}

function serversOf(name: string, upstream: unknown): ServerGroup {
  const { servers, health } = asMapping(upstream)
  // One source may stand in place of the list.
  const entries = 'from' in asMapping(servers) ? [servers] : asList(servers)
  return {
    path: ['upstreams', name, 'servers'],
    checkPort: asMapping(asMapping(health).check).port,
    written: entries.length,
    servers: validOf(Server, entries),
    sources: validOf(Source, entries),
  }
}

function repeatedNames({ path, servers }: ServerGroup): Issue[] {
  return repeats(servers, ({ name }) => name).map(([name, first, again]) => ({
    path: [...path, again],
    message: `expected a unique name, found ${JSON.stringify(name)} again`,
    hint: 'the name of a server is its address by default',
    see: [...path, first],
  }))
}

/** Reported where the names differ: servers of the same name have the same id, too. */
function repeatedIds({ path, servers }: ServerGroup): Issue[] {
  const repeated = new Set(repeats(servers, ({ name }) => name).map(([, , index]) => index))
  const named = servers.filter(({ index }) => !repeated.has(index))
  return repeats(named, ({ id }) => id).map(([id, first, again]) => ({
    path: [...path, again],
    message: `expected a unique id, found ${JSON.stringify(id)} again`,
    hint: 'the id of a server is its name by default',
    see: [...path, first],
  }))
}

/** Such a source would find each of its servers twice. */
function repeatedSources({ path, sources }: ServerGroup): Issue[] {
  return repeats(sources, (source) => JSON.stringify(source)).map(([, first, again]) => ({
    path: [...path, again],
    message: 'expected each source once, found the same one again',
    see: [...path, first],
  }))
}

function onlyBackups({ path, written, servers, sources }: ServerGroup): Issue[] {
  const backups = [...servers, ...sources].filter(({ part }) => part.backup === true).length
  if (written === 0 || backups < written) return []
  return [{ path, message: 'expected at least one server that is not a backup, found only backups' }]
}

function portsOfSockets({ path, checkPort, servers }: ServerGroup): Issue[] {
  const socket = servers.find(({ part }) => 'path' in part.endpoint)
  if (checkPort === undefined || socket === undefined) return []
  return [
    {
      path: [...path.slice(0, -1), 'health', 'check', 'port'],
      message: `expected no port, because server ${socket.part.address} has none, found ${shown(checkPort)}`,
      hint: 'leave it out: checks go to the same address as requests',
      see: [...path, socket.index],
    },
  ]
}

/** Reported at the first upstream beyond the limit. */
function tooManyUpstreams(groups: readonly ServerGroup[]): Issue[] {
  const beyond = groups[MAX_UPSTREAMS]
  if (beyond === undefined) return []
  const message = `expected at most ${MAX_UPSTREAMS} upstreams, found ${groups.length}`
  return [{ path: beyond.path.slice(0, -1), atKey: true, message }]
}

/** Reported at the first server beyond the limit. */
function tooManyServers(groups: readonly ServerGroup[]): Issue[] {
  const servers = groups.reduce((sum, { written }) => sum + written, 0)
  let room = MAX_SERVERS
  for (const { path, written } of groups) {
    if (written > room) {
      const message = `expected at most ${MAX_SERVERS} servers in total, found ${servers}`
      return [{ path: [...path, room], message }]
    }
    room -= written
  }
  return []
}
